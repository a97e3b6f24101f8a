#include "ctl/command_line.h"

namespace mangrove::ctl {

Result<Login> read_login(const CommandLine& line) {
    Login login = line.login;
    TRY(read_chap(line.chap_file, login));
    return login;
}

void add_login_options(CommandLine& line, CLI::App& command) {
    const std::string group = "iSCSI";
    command
        .add_option("--initiator", line.login.initiators,
                    "Who may log in; may be repeated (default: everyone)")
        ->allow_extra_args(false)
        ->group(group);
    command
        .add_option("--chap-file", line.chap_file, "A file with USER:PASSWORD that initiators have to prove")
        ->group(group);
}

} // namespace mangrove::ctl
