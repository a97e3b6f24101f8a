/// mangrovectl: its command line. CLI11 reports through exceptions, so this one file is compiled with them.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <unistd.h>

#include "base/log.h"
#include "ctl/image_commands.h"
#include "ctl/publish_commands.h"

namespace mangrove::ctl {

namespace {

constexpr const char* kAbout =
    "mangrovectl builds images for Mangrove's nodes on the head node and publishes them.\n"
    "\n"
    "  mangrovectl image build debian --from ./tree\n"
    "  mangrovectl publish debian --over iscsi --address 192.168.3.253 --print argument\n"
    "  mangrovectl published\n"
    "  mangrovectl unpublish debian\n";

struct CommandLine {
    CLI::App app{kAbout, "mangrovectl"};
    Directories directories;
    BuildRequest build;
    std::string size;
    bool json = false;
    bool no_boot = false;
    std::string reference;
    std::string other;
    PublishRequest publish = {};
    std::string chap_file;
    std::string print = "definition";
    bool dry_run = false;
    int exit_code = 0;

    Run run() const { return dry_run ? Run::dry : Run::real; }
    Form form() const { return json ? Form::json : Form::table; }
};

int report(const Result<>& result) {
    if (result) return 0;
    log_line(LogLevel::error, describe(result.error()));
    return 1;
}

/// "512M", "10G"; a plain number is bytes.
Result<uint64_t> parse_size(std::string_view written) {
    constexpr std::string_view kUnits = "KMGT";
    unsigned shift = 0;
    if (!written.empty() && kUnits.find(written.back()) != std::string_view::npos) {
        shift = 10 * static_cast<unsigned>(kUnits.find(written.back()) + 1);
        written.remove_suffix(1);
    }
    std::optional<uint64_t> number = parse_number(written);
    if (!number || *number > (UINT64_MAX >> shift >> 1))
        return permanent_error("--size: a number with K, M, G or T behind it is wanted");
    return *number << shift;
}

Result<> run_build(CommandLine& line) {
    if (!line.size.empty()) line.build.packing.size = TRY(parse_size(line.size));
    if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {
        line.build.packing.epoch = parse_number(epoch);
        if (!line.build.packing.epoch)
            return permanent_error("SOURCE_DATE_EPOCH='", epoch, "' is not a number of seconds");
    }
    if (line.no_boot) line.build.boot.wanted = BootFiles::none;
    if (::isatty(STDERR_FILENO) == 1) line.build.packing.output = Output::shown;
    return image_build(line.directories, line.build, line.form());
}

void add_build(CommandLine& line, CLI::App& image) {
    CLI::App* build = image.add_subcommand("build", "Builds an image and puts it into the store");
    build->footer(
        "The same source gives the same bytes, and the image's id ends with the first digits of their\n"
        "digest. With SOURCE_DATE_EPOCH no file is newer than that. Times of last change are kept (erofs\n"
        "with SOURCE_DATE_EPOCH: all files get that one). A tar or a container's image can be unpacked\n"
        "only by root. A recipe is a program that fills the directory that it is given.");
    build->add_option("name", line.build.name, "What it is called")->required();
    build->add_option("--from", line.build.from, "A directory, a tar, an OCI layout or archive, or a recipe")
        ->required()
        ->type_name("PATH");
    build->add_option("--format", line.build.packing.format, "squashfs (default), erofs or ext4");
    build->add_option(
        "--compression", line.build.packing.compression,
        "squashfs: zstd (default), gzip, xz, lz4, lzo, none, seed (like -noI -noX); erofs: lz4hc "
        "(default), lz4, none; a level behind it: zstd:3");
    build->add_option("--size", line.size,
                      "The size of an ext4: 10G; its free space is a hole (default: what it needs)");
    build->add_option("--reference", line.build.choice.reference, "Which image of an OCI layout or archive");
    build->add_option("--architecture", line.build.choice.architecture,
                      "amd64, arm64, … (default: this machine's)");
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
    build->add_flag("--json", line.json, "Print what was built as JSON");
    build->callback([&line] { line.exit_code = report(run_build(line)); });
}

void add_image_commands(CommandLine& line) {
    CLI::App* image = line.app.add_subcommand("image", "Builds images and shows those of the store");
    image->require_subcommand(1);
    add_build(line, *image);
    CLI::App* list = image->add_subcommand("list", "Lists the images of the store");
    list->add_flag("--json", line.json, "As JSON");
    list->callback([&line] { line.exit_code = report(image_list(line.directories, line.form())); });
    CLI::App* show = image->add_subcommand("show", "Shows what is known of an image");
    show->add_option("image", line.reference, "Its id, the start of it, or its name: then the newest")
        ->required();
    show->add_flag("--json", line.json, "As JSON");
    show->callback(
        [&line] { line.exit_code = report(image_show(line.directories, line.reference, line.form())); });
    CLI::App* diff = image->add_subcommand("diff", "Lists the files in which two images differ");
    diff->footer("Exit code 1 when they differ. Times are not compared.");
    diff->add_option("a", line.reference, "The one before")->required();
    diff->add_option("b", line.other, "The one after")->required();
    diff->callback([&line] {
        Result<bool> different = image_diff(line.directories, line.reference, line.other);
        if (!different) log_line(LogLevel::error, describe(different.error()));
        line.exit_code = !different ? 2 : *different ? 1 : 0;
    });
    CLI::App* remove = image->add_subcommand("rm", "Removes an image from the store, unless it is published");
    remove->add_option("image", line.reference, "Its id, the start of it, or its name")->required();
    remove->callback([&line] { line.exit_code = report(image_remove(line.directories, line.reference)); });
}

/// "USER:PASSWORD" in a file, for what stands in arguments every user of the machine can read.
Result<> read_chap(CommandLine& line) {
    if (line.chap_file.empty()) return {};
    std::string written(trim(TRY(read_file(line.chap_file), "reading --chap-file")));
    size_t colon = written.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == written.size())
        return permanent_error("--chap-file: ", line.chap_file, " does not hold USER:PASSWORD");
    line.publish.chap_user = written.substr(0, colon);
    line.publish.chap_password = written.substr(colon + 1);
    return {};
}

Result<> run_publish(CommandLine& line) {
    TRY(read_chap(line));
    return publish(line.directories, line.publish, line.reference, line.run(), TRY(handout_from(line.print)));
}

Result<> run_published(CommandLine& line) {
    if (line.reference.empty()) return list_published(line.directories, line.form());
    return show_published(line.directories, line.reference, TRY(handout_from(line.print)));
}

void add_iscsi_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "iSCSI";
    publish
        .add_option("--target", line.publish.target, "The target's IQN (default: made from the image's id)")
        ->group(group);
    publish.add_option("--lun", line.publish.lun, "The LUN (default: 1)")->group(group);
    publish
        .add_option("--initiator", line.publish.initiators,
                    "Who may log in; may be repeated (default: everyone)")
        ->allow_extra_args(false)
        ->group(group);
    publish
        .add_option("--chap-file", line.chap_file, "A file with USER:PASSWORD that initiators have to prove")
        ->group(group);
    publish
        .add_option("--backing", line.publish.backing_type,
                    "tgt: another backing store than a file: sheepdog, rbd")
        ->group(group);
    publish
        .add_option("--backing-store", line.publish.backing_store,
                    "tgt: its name: unix:/sheep_store/sock:VDI")
        ->group(group);
}

void add_file_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "NBD, NFS, HTTP";
    publish
        .add_option("--directory", line.publish.directory,
                    "Where the server reads its exports, or what the web server serves")
        ->group(group);
    publish.add_option("--clients", line.publish.clients, "NFS: who may mount (default: *)")->group(group);
    publish
        .add_option(
            "--reload", line.publish.reload,
            "A command that makes the server read its exports again (default: systemctl's, exportfs -ra)")
        ->group(group);
    publish
        .add_option("--url", line.publish.url,
                    "HTTP: what --directory is on the web (default: http://ADDRESS)")
        ->group(group);
}

void add_publish(CommandLine& line) {
    CLI::App* publish =
        line.app.add_subcommand("publish", "Publishes an image and prints the definition of its nodes");
    publish->footer(
        "What it changes is recorded before it is changed. A run that fails takes its changes back; what\n"
        "one that was killed had begun, the next publish or unpublish takes back.");
    publish->add_option("image", line.reference, "Its id, the start of it, or its name: then the newest")
        ->required();
    publish->add_option("--over", line.publish.over, "The transport: " + known_transports())->required();
    publish->add_option("--server", line.publish.server, "Which server, where a transport has several");
    publish->add_option("--address", line.publish.address, "At which nodes reach the server");
    publish->add_option("--port", line.publish.port, "Its port, if it is not the usual one");
    publish->add_option("--command", line.publish.command, "What nodes start (default: /sbin/init)");
    publish->add_flag("--dry-run", line.dry_run, "Only show what would be done");
    publish->add_option("--print", line.print, "definition (default), argument, dnsmasq, kea or ipxe");
    add_iscsi_options(line, *publish);
    add_file_options(line, *publish);
    publish->callback([&line] { line.exit_code = report(run_publish(line)); });
}

void add_publish_commands(CommandLine& line) {
    add_publish(line);
    CLI::App* taking_back = line.app.add_subcommand("unpublish", "Takes back what publishing did");
    taking_back->add_option("publication", line.reference, "Its id, or an image: then all of it")->required();
    taking_back->add_flag("--dry-run", line.dry_run, "Only show what would be done");
    taking_back->callback(
        [&line] { line.exit_code = report(unpublish(line.directories, line.reference, line.run())); });
    CLI::App* published = line.app.add_subcommand("published", "Lists what is published, or shows one");
    published->add_option("publication", line.reference, "Prints the definition of this one");
    published->add_option("--print", line.print, "definition (default), argument, dnsmasq, kea or ipxe");
    published->add_flag("--json", line.json, "The list as JSON");
    published->callback([&line] { line.exit_code = report(run_published(line)); });
}

void log_to_terminal(LogLevel level, std::string_view written) {
    const char* prefix = level == LogLevel::error ? "error: " : level == LogLevel::warning ? "warning: " : "";
    std::fprintf(stderr, "mangrovectl: %s%.*s\n", prefix, static_cast<int>(written.size()), written.data());
}

int run(int argument_count, char** arguments) {
    set_log_sink(log_to_terminal);
    // mke2fs and tgtadm lie where the PATH of an ordinary user does not lead.
    const char* path = std::getenv("PATH");
    ::setenv("PATH", text(path ? path : "/usr/bin:/bin", ":/usr/sbin:/sbin").c_str(), 1);
    CommandLine line;
    line.app.require_subcommand(1);
    line.app.set_version_flag("--version", MANGROVE_VERSION);
    line.app.add_option("--store", line.directories.images, "The image store")
        ->envname("MANGROVE_STORE")
        ->capture_default_str();
    line.app.add_option("--publications", line.directories.publications, "The records of what is published")
        ->envname("MANGROVE_PUBLICATIONS")
        ->capture_default_str();
    add_image_commands(line);
    add_publish_commands(line);
    try {
        line.app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& problem) {
        int code = line.app.exit(problem);
        return code == 0 ? 0 : 2;
    }
    return line.exit_code;
}

} // namespace

} // namespace mangrove::ctl

int main(int argument_count, char** arguments) try {
    return mangrove::ctl::run(argument_count, arguments);
} catch (const std::exception& error) {
    std::fprintf(stderr, "mangrovectl: %s\n", error.what());
    return 1;
}
