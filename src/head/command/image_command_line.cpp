#include <cstdlib>

#include "head/command/command_line.h"

namespace mangrove::head {

namespace {

Outcome<> run_build(CommandLine& line, Call& call) {
    if (!line.size.empty()) line.build.packing.size = TRY(parse_size(line.size));
    if (!line.block_size.empty())
        line.build.packing.block_size = TRY(parse_size(line.block_size, "--block-size"));
    if (!line.profile.empty()) line.build.packing.profile = TRY(read_profile(line.profile));
    if (!line.max_size.empty()) line.build.limits.bytes = TRY(parse_size(line.max_size, "--max-size"));
    if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {
        line.build.packing.epoch = parse_number(epoch);
        if (!line.build.packing.epoch)
            return permanent_error("SOURCE_DATE_EPOCH='", epoch, "' is not a number of seconds");
    }
    if (line.no_boot) line.build.boot.wanted = BootFiles::none;
    return image_build(call, line.build);
}

void add_build(CommandLine& line, CLI::App& image) {
    CLI::App* build = image.add_subcommand("build", "Builds an image and puts it into the store");
    build->footer(
        "The same source gives the same bytes, and the image's id ends with the first digits of their\n"
        "digest. With SOURCE_DATE_EPOCH no file is newer than that. Times of last change are kept (erofs\n"
        "with SOURCE_DATE_EPOCH: all files get that one). A tar or a container's image can be unpacked\n"
        "only by root, in a process that can reach nothing else. A recipe is a program that fills the\n"
        "directory that it is given; it runs as you.");
    build->add_option("name", line.build.name, "The name of the image")->required();
    CLI::Option* from =
        build
            ->add_option(
                "--from", line.build.from,
                "A directory, a tar, an OCI layout or archive, docker://REGISTRY/NAME:TAG or oci://…")
            ->type_name("SOURCE");
    build->add_option("--recipe", line.build.recipe, "Or a program that fills the directory that it is given")
        ->type_name("FILE")
        ->excludes(from);
    build->add_option("--format", line.build.packing.format, "squashfs (default), erofs or ext4");
    build->add_option(
        "--compression", line.build.packing.compression,
        "squashfs: zstd (default), gzip, xz, lz4, lzo, none, seed (like -noI -noX); erofs: lz4hc "
        "(default), lz4, lzma, none; a level behind it: zstd:3");
    build->add_option("--size", line.size,
                      "The size of an ext4: 10G; its free space is a hole (default: what it needs)");
    build
        ->add_option("--profile", line.profile,
                     "Lay a squashfs out by this profile of a boot (mangrovectl profile merge)")
        ->type_name("FILE");
    build->add_option("--block-size", line.block_size,
                      "The blocks of a squashfs: 4K to 1M (default: 128K; with --profile: 64K)");
    build->add_option("--reference", line.build.choice.reference, "Which image of an OCI layout or archive");
    build->add_option("--architecture", line.build.choice.architecture,
                      "amd64, amd64/v2, arm64, … (default: this machine's)");
    build->add_option("--digest", line.build.choice.digest,
                      "Only the image whose manifest has this digest: sha256:…");
    build->add_option("--max-size", line.max_size, "How large what a tar holds may be (default: 64G)");
    build->add_option("--max-files", line.build.limits.files,
                      "How many files a tar may hold (default: 4000000)");
    build->add_flag("--no-boot", line.no_boot, "Take no kernel out and build no initramfs");
    build->add_option("--kernel-version", line.build.boot.version,
                      "Which of the image's kernels (default: the newest)");
    build->add_option("--kernel", line.build.boot.kernel,
                      "A kernel that is not in the image; with --modules");
    build->add_option("--modules", line.build.boot.modules, "Its modules: …/lib/modules/VERSION");
    build->add_option("--mangrove", line.build.boot.mangrove, "The static program for the initramfs");
    build
        ->add_option("--initramfs-option", line.build.boot.initramfs_options,
                     "A word for `mangrove initramfs`; may be repeated: --initramfs-option=--drivers=net")
        ->allow_extra_args(false);
    add_json(line, *build, "Print what was built as JSON");
    build->callback([&line] {
        if (line.build.from.empty() && line.build.recipe.empty())
            throw CLI::RequiredError("--from or --recipe");
        line.run([&](Call& call) { return run_build(line, call); });
    });
}

void add_pull(CommandLine& line, CLI::App& image) {
    CLI::App* pull = image.add_subcommand(
        "pull", "Puts an image that publish --over oci has pushed into the store, as it is");
    pull->footer("With its kernel and initramfs. skopeo copies it, with the credentials of skopeo login.\n"
                 "\n"
                 "  mangrovectl image pull oci://registry.example/site/node:debian-0123456789ab");
    pull->add_option("from", line.pull.from, "oci://REGISTRY/REPOSITORY:TAG, or …@sha256:DIGEST")->required();
    pull->add_option("--authfile", line.pull.authfile,
                     "Credentials for the registry (containers-auth.json(5))")
        ->type_name("FILE");
    add_json(line, *pull, "Print the image as JSON");
    pull->callback([&line] { line.run([&](Call& call) { return image_pull(call, line.pull); }); });
}

void add_change(CommandLine& line, CLI::App& image, const char* name, const char* about) {
    CLI::App* change = image.add_subcommand(name, about);
    change->footer(
        "Runs as root in a copy of the image, in separate namespaces (mounts, processes, host name),\n"
        "with the machine's network and without capabilities over the machine. When it succeeds, a new\n"
        "image is built from what it left, in the format of the old one. Give nodes the new one with\n"
        "publish and assign.");
    change
        ->add_option("image", line.change.reference, "Its id, the start of it, or its name: then the newest")
        ->required();
    change->add_option("--name", line.change.build.name, "The name of the new image (default: the same)");
    change->add_option("--format", line.change.build.packing.format,
                       "squashfs, erofs or ext4 (default: the same)");
    change->add_option("--compression", line.change.build.packing.compression, "As of image build");
    change->add_flag("--no-boot", line.no_boot, "Take no kernel out and build no initramfs");
    change->add_option("--mangrove", line.change.build.boot.mangrove, "The static program for the initramfs");
    add_json(line, *change, "Print what was built as JSON");
}

void add_changes(CommandLine& line, CLI::App& image) {
    auto run = [&line](Call& call) {
        if (line.no_boot) line.change.build.boot.wanted = BootFiles::none;
        return image_change(call, line.change);
    };
    // Empty: that of the old image.
    line.change.build.packing.format.clear();
    add_change(line, image, "exec", "Runs a command in a copy of an image and builds a new image from it");
    CLI::App* exec = image.get_subcommand("exec");
    exec->add_option("command", line.change.command, "The command and its arguments, after --")->required();
    exec->callback([&line, run] { line.run(run); });
    add_change(line, image, "shell", "Runs a shell in a copy of an image and builds a new image from it");
    image.get_subcommand("shell")->callback([&line, run] {
        line.change.command = {"/bin/sh"};
        line.change.is_interactive = true;
        line.run(run);
    });
}

} // namespace

Result<uint64_t> parse_size(std::string_view written, std::string_view option) {
    constexpr std::string_view kUnits = "KMGT";
    std::string_view all = written;
    unsigned shift = 0;
    if (!written.empty() && kUnits.find(written.back()) != std::string_view::npos) {
        shift = 10 * static_cast<unsigned>(kUnits.find(written.back()) + 1);
        written.remove_suffix(1);
    }
    std::optional<uint64_t> number = parse_number(written);
    if (!number || *number > (UINT64_MAX >> shift >> 1))
        return permanent_error(option, ": '", all,
                               "' is not a size; write a number, or one with K, M, G or T");
    return *number << shift;
}

void add_image_commands(CommandLine& line) {
    CLI::App* image = line.app.add_subcommand("image", "Builds images and shows those of the store");
    image->require_subcommand(1);
    add_build(line, *image);
    add_pull(line, *image);
    add_changes(line, *image);
    CLI::App* list = image->add_subcommand("list", "Lists the images of the store");
    add_json(line, *list);
    list->callback([&line] { line.run(image_list); });
    CLI::App* show = image->add_subcommand("show", "Shows what is known of an image");
    show->add_option("image", line.reference, "Its id, the start of it, or its name: then the newest")
        ->required();
    add_json(line, *show);
    show->callback([&line] { line.run([&](Call& call) { return image_show(call, line.reference); }); });
    CLI::App* diff = image->add_subcommand("diff", "Lists the files in which two images differ");
    diff->footer("Exit code 1 when they differ, 2 when it failed. Times are not compared.");
    diff->add_option("a", line.reference, "The one before")->required();
    diff->add_option("b", line.other, "The one after")->required();
    add_json(line, *diff);
    diff->callback([&line] {
        bool different = false;
        line.run([&](Call& call) { return image_diff(call, line.reference, line.other, different); });
        line.exit_code = line.exit_code != 0 ? 2 : different ? 1 : 0;
    });
    CLI::App* remove = image->add_subcommand("rm", "Removes an image from the store, unless it is published");
    remove->add_option("image", line.reference, "Its id, the start of it, or its name")->required();
    add_json(line, *remove);
    remove->callback([&line] { line.run([&](Call& call) { return image_remove(call, line.reference); }); });
    CLI::App* prune =
        image->add_subcommand("prune", "Removes older images of each name, unless they are published");
    prune->footer("Prints the images that it removes, or with --dry-run would remove.");
    prune
        ->add_option("--keep", line.old_images.keep,
                     "How many images of each name stay: the newest (default: 1)")
        ->check(CLI::PositiveNumber);
    prune->add_flag("--dry-run", line.old_images.is_dry_run, "Remove nothing");
    add_json(line, *prune);
    prune->callback([&line] { line.run([&](Call& call) { return image_prune(call, line.old_images); }); });
}

} // namespace mangrove::head
