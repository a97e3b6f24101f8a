/// mangrovectl: its command line.

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sys/stat.h>
#include <unistd.h>

#include "head/command/command_line.h"
#include "head/command/completion.h"
#include "head/command/file_command_line.h"
#include "head/command/rollout_command_line.h"

namespace mangrove::head {

namespace {

constexpr const char* kAbout =
    "mangrovectl builds images for Mangrove's nodes on the head node, publishes them and has nodes boot "
    "them.\n"
    "\n"
    "  mangrovectl image build debian --from ./tree\n"
    "  mangrovectl publish debian --over iscsi --address 192.168.3.253 --print argument\n"
    "  mangrovectl assign debian 52:54:00:12:34:56\n"
    "  mangrovectl assign debian all\n"
    "  mangrovectl published\n"
    "  mangrovectl unpublish debian\n"
    "  mangrovectl node add n[001-004] groups=compute\n"
    "  mangrovectl node show n001 --explain\n"
    "  mangrovectl target start --server tgt\n"
    "  mangrovectl target upload-image disk ./disk.img.xz\n";

/// CLI11 does so when it parses a command line; one that is being written is not parsed.
void take_environment(CLI::App& app) {
    for (CLI::Option* option : app.get_options()) {
        const char* value = std::getenv(option->get_envname().c_str());
        if (option->get_envname().empty() || !value) continue;
        option->add_result(value);
        option->run_callback();
    }
}

void add_directories(CommandLine& line) {
    auto add = [&](const char* option, auto& path, const char* about, const char* variable) {
        make_absolute(*line.app.add_option(option, path, about)->envname(variable)->capture_default_str());
    };
    add("--store", line.directories.images, "The image store", "MANGROVE_STORE");
    add("--publications", line.directories.publications, "The records of what is published",
        "MANGROVE_PUBLICATIONS");
    add("--targets", line.directories.targets, "The records of targets and their LUNs", "MANGROVE_TARGETS");
    add("--database", line.directories.database,
        "The database of nodes and groups: a file, or etcd://HOST:PORT/PREFIX", "MANGROVE_DATABASE");
    add("--boot-directory", line.directories.boot,
        "The directory that the nodes' firmware loads from a web server", "MANGROVE_BOOT_DIRECTORY");
    add("--socket", line.directories.socket, "The socket of mangrove-head", "MANGROVE_SOCKET");
    line.app
        .add_option_function<unsigned>(
            "--lock-timeout",
            [&line](unsigned seconds) { line.directories.lock_timeout = std::chrono::seconds(seconds); },
            "Seconds to wait for another mangrovectl that holds the records")
        ->default_str("60");
    line.app.add_flag("-q,--quiet", line.quiet, "Say nothing but results, warnings and errors");
}

/// CLI11 says what is missing before it looks for a word that it does not know.
std::string explain(const CLI::App* app, const CLI::Error& problem) {
    std::vector<std::string> unknown = app->remaining(true);
    std::vector<std::string> names;
    auto add_options = [&] {
        for (const CLI::Option* option : app->get_options())
            for (const std::string& name : option->get_lnames())
                names.push_back("--" + name);
    };
    std::string command = app->get_name();
    for (add_options(); !app->get_subcommands().empty(); add_options()) {
        app = app->get_subcommands().back();
        command += " " + app->get_name();
    }
    constexpr std::string_view kRequired = " is required";
    constexpr std::string_view kNoConversion = "Could not convert: ";
    std::string said = problem.what();
    if (!unknown.empty() && unknown[0].starts_with("-")) {
        said = text("unknown option '", unknown[0], "'", did_you_mean(unknown[0], names));
    } else if (app->get_require_subcommand_min() > 0) {
        names.clear();
        for (const CLI::App* one : app->get_subcommands([](const CLI::App*) { return true; }))
            names.push_back(one->get_name());
        said = unknown.empty() ? "a command is missing"
                               : text("unknown command '", unknown[0], "'", did_you_mean(unknown[0], names));
        said += "; there are " + join(names, ", ");
    } else if (!unknown.empty()) {
        said = text("unexpected argument '", unknown[0], "'");
    } else if (said.ends_with(kRequired)) {
        std::string missing = said.substr(0, said.size() - kRequired.size());
        if (!missing.starts_with("-")) std::ranges::transform(missing, missing.begin(), ::toupper);
        said = missing + " is missing";
    } else if (said.starts_with(kNoConversion)) {
        said.erase(0, kNoConversion.size());
        size_t equals = said.find(" = ");
        said = text(said.substr(0, equals), ": not a number that it takes: '",
                    equals == std::string::npos ? "" : said.substr(equals + 3), "'",
                    said.starts_with("--port") ? " (1 to 65535)" : "");
    }
    return text("mangrovectl: error: ", said, "\n  ", "see ", command, " --help\n");
}

/// The arguments as a shell takes them.
std::string as_typed(int argument_count, char** arguments) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
    std::vector<std::string> words;
    for (int i = 1; i < argument_count; ++i) {
        std::string word = arguments[i];
        bool is_plain = !word.empty() && word.find_first_not_of(kPlain) == std::string::npos;
        for (size_t at = word.find('\''); at != std::string::npos; at = word.find('\'', at + 4))
            word.replace(at, 1, "'\\''");
        words.push_back(is_plain ? word : "'" + word + "'");
    }
    return join(words, " ");
}

int run(int argument_count, char** arguments) {
    ::umask(022); // servers read what is made here; what they must not read says so
    // mke2fs and tgtadm lie where the PATH of an ordinary user does not lead.
    const char* path = std::getenv("PATH");
    ::setenv("PATH", text(path ? path : "/usr/bin:/bin", ":/usr/sbin:/sbin").c_str(), 1);
    CommandLine line;
    line.written = as_typed(argument_count, arguments);
    line.app.description(kAbout);
    line.app.require_subcommand(1);
    line.app.failure_message(explain);
    line.app.fallthrough(); // --store may also stand behind the command
    line.app.set_version_flag("--version", MANGROVE_VERSION);
    add_directories(line);
    add_image_commands(line);
    add_publish_commands(line);
    add_assign_commands(line);
    add_target_commands(line);
    add_files_commands(line);
    add_secret_commands(line);
    add_node_commands(line);
    add_power_commands(line);
    add_configure_commands(line);
    add_profile_commands(line);
    add_release_commands(line);
    add_rollout_commands(line);
    add_token_commands(line);
    add_sign_commands(line);
    add_boot_image_command(line);
    CLI::App* restoring = line.app.add_subcommand(
        "restore", "Has tgt and LIO serve again what is recorded, after they were restarted");
    add_json(line, *restoring);
    restoring->callback([&line] { line.run(static_cast<Outcome<> (*)(Call&)>(restore)); });
    if (argument_count > 1 && arguments[1] == std::string_view("complete")) {
        take_environment(line.app);
        for (const std::string& candidate : complete(line, {arguments + 2, arguments + argument_count}))
            std::printf("%s\n", candidate.c_str());
        return 0;
    }
    try {
        line.app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& problem) {
        int code = line.app.exit(problem);
        return code == 0 ? 0 : 2;
    }
    return line.exit_code;
}

} // namespace

void make_absolute(CLI::Option& option) {
    option.transform([](const std::string& written) -> std::string {
        if (is_etcd_url(written)) return written;
        std::error_code ignored; // of an empty one, which means the default
        std::filesystem::path path = std::filesystem::absolute(written, ignored);
        return ignored ? written : path.lexically_normal().native();
    });
}

void add_json(CommandLine& line, CLI::App& command, const char* about) {
    command.add_flag("--json", line.json, about);
}

void CommandLine::run(const std::function<Outcome<>(Call& call)>& command) {
    Call call{.directories = directories,
              .form = json ? Form::json : Form::table,
              .progress = TerminalProgress(standard_error(!json, quiet))};
    exit_code = run_call(call, command);
}

} // namespace mangrove::head

int main(int argument_count, char** arguments) try {
    return mangrove::head::run(argument_count, arguments);
} catch (const std::exception& error) {
    std::fprintf(stderr, "mangrovectl: %s\n", error.what());
    return 1;
}
