#include "initramfs/command.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <getopt.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/stage.h"
#include "base/whole_file.h"
#include "initramfs/archive.h"
#include "initramfs/firmware.h"
#include "initramfs/module_choice.h"
#include "initramfs/module_information.h"
#include "initramfs/tree_files.h"
#include "trust/policy.h"

extern char** environ;

namespace mangrove {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAdded = "--add";

struct Options {
    std::string root = "/";
    std::string modules; ///< in the root
    std::string binary = "/proc/self/exe";
    std::string output;
    std::string policy_output; ///< a directory
    ModuleWishes wishes;
    std::vector<std::string> additions;
    std::string authorities;
    std::string signers;
    uint64_t least_serial = 0;
    Compression compression = Compression::zstd;
    bool list = false;
    bool list_modules = false;
};

Result<ModuleTree> tree_of(const Options& options) {
    return ModuleTree{options.root, options.modules, TRY(place_in(options.root, options.modules))};
}

Result<> stage_file(const fs::path& path, const std::string& contents) {
    std::error_code ignored; // without the directory the file cannot be written either
    fs::create_directories(path.parent_path(), ignored);
    std::ofstream file(path, std::ios::binary);
    file << contents;
    file.close();
    if (!file) return system_error(errno, "writing ", path.native());
    return {};
}

Result<> run_depmod(const fs::path& stage, const std::string& version) {
    std::vector<std::string> words = {"depmod", "-b", stage.string(), version};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    for (const char* program : {"/sbin/depmod", "/usr/sbin/depmod", "/usr/bin/depmod"}) {
        pid_t process = 0;
        if (::posix_spawn(&process, program, nullptr, nullptr, arguments, environ) != 0) continue;
        int status = 0;
        ::waitpid(process, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) continue;
        if (status != 0) return permanent_error("depmod failed for the modules of the initramfs");
        return {};
    }
    return permanent_error("depmod not found; install the package kmod");
}

/// Most drivers name the firmware of every card that they know; only what is installed can go in.
Result<> add_all_firmware(ArchiveEntries& entries, const ModuleTree& tree, const ModuleSet& modules) {
    std::map<std::string, std::string> missing;
    for (const auto& [path, module] : modules.files()) {
        ModuleInformation information = read_module_information(TRY(modules.file_of(path)));
        for (const std::string& name : TRY(add_firmware(entries, tree, path, information.firmware)))
            missing.try_emplace(name, path);
    }
    for (const auto& [name, module] : missing)
        std::fprintf(stderr, "mangrove: warning: firmware %s, which %s names, was not found\n", name.c_str(),
                     module.c_str());
    return {};
}

/// The modules and the indexes that libkmod reads at boot, made for just these modules.
Result<> add_modules(ArchiveEntries& entries, const Options& options) {
    ModuleTree module_tree = TRY(tree_of(options));
    ModuleSet modules = TRY(choose_modules(module_tree, options.wishes));
    std::string version = fs::path(options.modules).filename();
    char name[] = "/tmp/mangrove-initramfs-XXXXXX";
    if (!::mkdtemp(name)) return system_error(errno, "making a temporary directory");
    Stage stage{fs::path(name)};
    fs::path tree = stage.path / "lib/modules" / version;
    for (const char* index : {"modules.order", "modules.builtin", "modules.builtin.modinfo"})
        if (Result<std::string> contents = read_in(options.root, text(options.modules, "/", index)))
            TRY(stage_file(tree / index, *contents));
    for (const auto& [path, module] : modules.files()) {
        TRY(check_name(path));
        std::string contents = TRY(read_in(options.root, options.modules + "/" + path));
        TRY(stage_file(tree / path, contents));
        add_entry(entries, text("lib/modules/", version, "/", path),
                  {.contents = std::move(contents), .reason = module.reason});
    }
    TRY(add_all_firmware(entries, module_tree, modules));
    TRY(run_depmod(stage.path, version));
    for (const char* index : {"modules.dep.bin", "modules.alias.bin", "modules.builtin.bin",
                              "modules.builtin.alias.bin", "modules.softdep"})
        if (Result<std::string> contents = read_file(tree / index))
            add_entry(entries, text("lib/modules/", version, "/", index),
                      {.contents = *contents, .reason = "index"});
    return {};
}

Result<std::string> read_static_program(const std::string& path) {
    std::string program = TRY(read_file(path));
    Elf64_Ehdr header = {};
    if (program.size() < sizeof header || !program.starts_with(ELFMAG))
        return permanent_error(path, " is not a program");
    std::copy_n(program.data(), sizeof header, reinterpret_cast<char*>(&header));
    for (size_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment = {};
        size_t offset = header.e_phoff + i * sizeof segment;
        if (offset + sizeof segment > program.size()) return permanent_error(path, " is a damaged program");
        std::copy_n(program.data() + offset, sizeof segment, reinterpret_cast<char*>(&segment));
        if (segment.p_type == PT_INTERP)
            return permanent_error(
                path, " is not static and cannot run in an initramfs; the preset 'release' builds a "
                      "static one (--binary PATH)");
    }
    return program;
}

/// SOURCE_DATE_EPOCH (reproducible-builds.org) takes the place of this moment.
std::chrono::sys_seconds build_moment() {
    const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
    if (std::optional<uint64_t> seconds = parse_number(fixed ? fixed : ""))
        return std::chrono::sys_seconds(std::chrono::seconds(*seconds));
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// The files of --signers and --least-serial.
Result<ArchiveEntries> policy_files(const Options& options) {
    ArchiveEntries entries;
    if (options.signers.empty()) return entries;
    std::string signers = TRY(read_file(options.signers));
    trust::Policy policy{.allowed = trust::parse_allowed_signers(signers),
                         .built = build_moment(),
                         .least_serial = options.least_serial};
    if (!policy.allowed.problems.empty())
        return permanent_error(options.signers, ": ", join(policy.allowed.problems, "\n"));
    if (policy.allowed.signers.empty())
        return permanent_error(options.signers, ": names no key; a node would refuse every definition");
    add_entry(entries, trust::kSignersPath + 1, {.contents = std::move(signers), .reason = "--signers"});
    add_entry(entries, trust::kPolicyPath + 1,
              {.contents = trust::policy_text(policy), .reason = "--signers"});
    return entries;
}

Result<ArchiveEntries> collect(const Options& options) {
    ArchiveEntries entries;
    add_entry(
        entries, "init",
        {.contents = TRY(read_static_program(options.binary)), .permissions = 0755, .reason = "mangrove"});
    add_entry(entries, "dev/console",
              {.kind = ArchiveEntry::Kind::character_device,
               .permissions = 0600,
               .device_major = 5,
               .device_minor = 1,
               .reason = "console"});
    for (const char* directory : {"proc", "sys", "run", "etc", "sysroot", "tmp"})
        add_entry(entries, directory, {.kind = ArchiveEntry::Kind::directory, .permissions = 0755});
    TRY(add_modules(entries, options));
    if (!options.authorities.empty())
        add_entry(entries, "etc/mangrove/ca.pem",
                  {.contents = TRY(read_file(options.authorities)), .reason = "--ca"});
    entries.merge(TRY(policy_files(options)));
    for (const std::string& addition : options.additions) {
        size_t equals = addition.find('=');
        std::string source = addition.substr(0, equals);
        std::string target = equals == std::string::npos ? source : addition.substr(equals + 1);
        target.erase(0, target.find_first_not_of('/'));
        std::string contents = TRY(read_file(source));
        auto permissions = static_cast<uint32_t>(fs::status(source).permissions() & fs::perms::all);
        add_entry(
            entries, target,
            {.contents = std::move(contents), .permissions = permissions, .reason = std::string(kAdded)});
    }
    return entries;
}

/// For builders of other initramfses: the names alone, dependencies among them.
Result<> print_modules(const Options& options) {
    ModuleSet modules = TRY(choose_modules(TRY(tree_of(options)), options.wishes));
    for (const auto& [path, module] : modules.files()) {
        std::string file = fs::path(path).filename();
        std::printf("%s\n", file.substr(0, file.find(".ko")).c_str());
    }
    return {};
}

/// For the same.
Result<> write_policy(const Options& options) {
    for (const auto& [path, entry] : TRY(policy_files(options)))
        if (entry.kind == ArchiveEntry::Kind::file)
            TRY(stage_file(fs::path(options.policy_output) / path, entry.contents));
    return {};
}

/// A file that not everybody may read, a private key, or a definition with a password.
bool is_secret(const ArchiveEntry& entry) {
    constexpr std::string_view kSigns[] = {"PRIVATE KEY-----", "\"password\"", "\"password_in\"",
                                           "\"secret\"", "\"dhchap_secret\""};
    return entry.reason == kAdded
           && ((entry.permissions & 04) == 0 || std::ranges::any_of(kSigns, [&](std::string_view sign) {
                   return entry.contents.find(sign) != std::string::npos;
               }));
}

unsigned mode_for(const ArchiveEntries& entries, const std::string& output) {
    auto secret = std::ranges::find_if(entries, [](const auto& entry) { return is_secret(entry.second); });
    if (secret == entries.end()) return 0644;
    std::fprintf(
        stderr,
        "mangrove: warning: %s: contains the secret /%s, so its mode is 0600; any client of a server that "
        "serves it can read the secret\n",
        output.c_str(), secret->first.c_str());
    return 0600;
}

Result<> build(const Options& options) {
    if (options.list_modules) return print_modules(options);
    if (!options.policy_output.empty()) return write_policy(options);
    ArchiveEntries entries = TRY(collect(options));
    if (options.list)
        for (const auto& [path, entry] : entries)
            if (entry.kind != ArchiveEntry::Kind::directory)
                std::printf("%9zu  %-70s %s\n", entry.contents.size(), path.c_str(), entry.reason.c_str());
    if (options.output.empty()) return {};
    std::string compressed = TRY(compress_archive(make_archive(entries), options.compression));
    TRY(write_file(options.output, compressed, mode_for(entries, options.output)));
    std::printf("%s: %zu bytes\n", options.output.c_str(), compressed.size());
    return {};
}

int print_usage(FILE* stream) {
    std::fputs(
        "usage: mangrove initramfs --output FILE [options]\n"
        "  --kernel VERSION      the node's kernel (default: the running one)\n"
        "  --modules DIRECTORY   its modules (default: /lib/modules/VERSION); firmware is taken from\n"
        "                        firmware/ beside modules/, updates/VERSION, updates and VERSION in it\n"
        "  --root DIRECTORY      the tree that holds both; links are resolved inside it (default: /)\n"
        "  --for CARD,...        virtio (default) or none\n"
        "  --drivers NAME,...    more modules by name; net: all wired cards and their PHYs, with their\n"
        "                        firmware, vendors' modules in extra/ and updates/, and those of VMware,\n"
        "                        Hyper-V and Xen; infiniband: InfiniBand adapters; usb-net: USB cards\n"
        "  --transports NAME,... http, iscsi, local, loopback, nbd, nfs, nvme, rbd, uri (default: all\n"
        "                        that the kernel has)\n"
        "  --filesystems NAME,.. default: those of ext4,squashfs,erofs that the kernel has\n"
        "  --binary PATH         the static mangrove (default: this program)\n"
        "  --add FILE[=TARGET]   one more file, with its permissions; may be repeated\n"
        "  --ca FILE             the CA certificates (PEM) that https servers are checked against,\n"
        "                        for example /etc/ssl/certs/ca-certificates.crt\n"
        "  --signers FILE        the keys whose definitions the node boots, as ssh-keygen(1) has it under\n"
        "                        ALLOWED SIGNERS; the node refuses every other definition\n"
        "  --least-serial N      with --signers: the node refuses definitions with a smaller serial\n"
        "  --compress zstd|gzip  default: zstd\n"
        "  --list                prints what goes in and why\n"
        "  --list-modules        prints the names of the modules and exits\n"
        "  --write-policy DIRECTORY\n"
        "                        writes the files of --signers below the directory and exits\n",
        stream);
    return stream == stdout ? 0 : 2;
}

/// Nothing where the arguments are wrong.
std::optional<Options> parse_options(const std::vector<std::string>& arguments) {
    Options options;
    std::string kernel;
    constexpr option kOptions[] = {
        {"kernel", required_argument, nullptr, 'k'},       {"modules", required_argument, nullptr, 'm'},
        {"root", required_argument, nullptr, 'r'},         {"for", required_argument, nullptr, 'f'},
        {"drivers", required_argument, nullptr, 'd'},      {"transports", required_argument, nullptr, 't'},
        {"filesystems", required_argument, nullptr, 'F'},  {"binary", required_argument, nullptr, 'b'},
        {"add", required_argument, nullptr, 'a'},          {"ca", required_argument, nullptr, 'C'},
        {"signers", required_argument, nullptr, 's'},      {"least-serial", required_argument, nullptr, 'S'},
        {"compress", required_argument, nullptr, 'c'},     {"list", no_argument, nullptr, 'l'},
        {"output", required_argument, nullptr, 'o'},       {"list-modules", no_argument, nullptr, 'n'},
        {"write-policy", required_argument, nullptr, 'p'}, {nullptr, 0, nullptr, 0},
    };
    std::string program = "mangrove initramfs";
    std::vector<char*> words = {program.data()};
    for (const std::string& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    for (int letter;
         (letter = ::getopt_long(static_cast<int>(words.size() - 1), words.data(), "", kOptions, nullptr))
         != -1;) {
        std::string value = optarg ? optarg : "";
        if (letter == 'k')
            kernel = value;
        else if (letter == 'm')
            options.modules = value;
        else if (letter == 'r')
            options.root = value;
        else if (letter == 'f')
            options.wishes.cards = split(value, ',');
        else if (letter == 'd')
            options.wishes.drivers = split(value, ',');
        else if (letter == 't')
            options.wishes.transports = split(value, ',');
        else if (letter == 'F')
            options.wishes.filesystems = split(value, ',');
        else if (letter == 'b')
            options.binary = value;
        else if (letter == 'a')
            options.additions.push_back(value);
        else if (letter == 'C')
            options.authorities = value;
        else if (letter == 's')
            options.signers = value;
        else if (letter == 'S' && parse_number(value))
            options.least_serial = *parse_number(value);
        else if (letter == 'c' && value == "gzip")
            options.compression = Compression::gzip;
        else if (letter == 'c' && value == "zstd")
            options.compression = Compression::zstd;
        else if (letter == 'l')
            options.list = true;
        else if (letter == 'n')
            options.list_modules = true;
        else if (letter == 'o')
            options.output = value;
        else if (letter == 'p')
            options.policy_output = value;
        else {
            if (letter == 'c') std::fprintf(stderr, "mangrove: error: --compress: expected zstd or gzip\n");
            if (letter == 'S') std::fprintf(stderr, "mangrove: error: --least-serial: expected a number\n");
            return std::nullopt;
        }
    }
    bool has_work = !options.output.empty() || options.list || options.list_modules
                    || (!options.policy_output.empty() && !options.signers.empty());
    if (optind != static_cast<int>(words.size() - 1) || !has_work) return std::nullopt;
    if (kernel.empty()) {
        utsname running = {};
        ::uname(&running);
        kernel = running.release;
    }
    if (options.modules.empty()) options.modules = "/lib/modules/" + kernel;
    if (options.root == "/") options.modules = fs::absolute(options.modules);
    while (options.modules.ends_with("/"))
        options.modules.pop_back();
    return options;
}

} // namespace

int run_initramfs(const std::vector<std::string>& arguments) {
    if (!arguments.empty() && arguments[0] == "--help") return print_usage(stdout);
    std::optional<Options> options = parse_options(arguments);
    if (!options) return print_usage(stderr);
    Result<> result = build(*options);
    if (result) return 0;
    std::fprintf(stderr, "mangrove: error: %s\n", describe(result.error()).c_str());
    return 1;
}

} // namespace mangrove
