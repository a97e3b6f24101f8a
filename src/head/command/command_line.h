#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "head/command/assign_commands.h"
#include "head/command/image_commands.h"
#include "head/command/node_commands.h"
#include "head/command/publish_commands.h"
#include "head/command/release_commands.h"
#include "head/command/target_commands.h"

/// The command line of mangrovectl. CLI11 reports through exceptions, so what includes this is compiled with
/// them.
namespace mangrove::head {

/// Of arguments that are node sets.
inline constexpr const char* kNodesHelp = "Nodes: n[001-010], @GROUP, all, KEY=VALUE; joined by , ! & ^";

struct CommandLine {
    CLI::App app{"", "mangrovectl"};
    Directories directories;
    BuildRequest build = {};
    PruneRequest old_images = {};
    ChangeRequest change = {};
    PullRequest pull = {};
    std::string size = {};
    std::string max_size = {};
    std::string block_size = {};
    std::filesystem::path profile = {};
    bool json = false;
    bool quiet = false;
    bool no_boot = false;
    std::string reference = {};
    std::string other = {};
    std::vector<std::string> nodes = {};
    PublishRequest publish = {};
    Login login = {};
    std::string chap_file = {};
    std::string print = "definition";
    bool dry_run = false;
    bool force = false;
    bool check = false;
    bool no_check = false;
    bool no_verity = false;
    bool sign = false;
    Signing signing = {};
    Target target = {};
    bool read_only = false;
    LunRequest lun = {};
    bool block_device = false;
    std::string node_set = {};
    std::vector<std::string> assignments = {};
    std::vector<std::string> groups = {};
    std::filesystem::path path = {};
    std::string format = {};
    std::string role = {};
    ReleaseRequest release = {};
    std::string output = "-";
    uint64_t event = 0;
    bool yes = false;
    bool explain = false;
    bool prune = false;
    std::string written = {}; ///< the command as it was typed
    int exit_code = 0;

    Run mode() const { return dry_run ? Run::dry : Run::real; }
    Writing writing() const {
        return {.question = yes ? Question::is_skipped : Question::is_asked,
                .is_dry_run = dry_run,
                .command = written};
    }
    InUse in_use() const { return force ? InUse::is_taken : InUse::is_refused; }

    /// Runs a command; `exit_code` is its own then.
    void run(const std::function<Outcome<>(Call& call)>& command);
};

/// --json, for a command that prints a table or a text.
void add_json(CommandLine& line, CLI::App& command, const char* about = "Print JSON");
/// "512M", "10G"; a plain number is bytes.
Result<uint64_t> parse_size(std::string_view written, std::string_view option = "--size");

/// The option's paths become absolute: they are recorded, and told to servers.
void make_absolute(CLI::Option& option);

/// Adds the options that say who may log in to a publication or a target.
void add_login_options(CommandLine& line, CLI::App& command);
/// Reads the login that those options give, with the password.
Result<Login> read_login(const CommandLine& line);

/// Adds the options that say with which key a definition is signed, and for how long. `needs`: without this
/// option they are an error; nullptr: they are not.
void add_signing_options(CommandLine& line, CLI::App& command, CLI::Option* needs);

void add_image_commands(CommandLine& line);
void add_publish_commands(CommandLine& line);
void add_assign_commands(CommandLine& line);
void add_target_commands(CommandLine& line);
void add_node_commands(CommandLine& line);
void add_configure_commands(CommandLine& line);
void add_power_commands(CommandLine& line);
void add_profile_commands(CommandLine& line);
void add_release_commands(CommandLine& line);
void add_secret_commands(CommandLine& line);
void add_token_commands(CommandLine& line);
void add_sign_commands(CommandLine& line);
void add_boot_image_command(CommandLine& line);

} // namespace mangrove::head
