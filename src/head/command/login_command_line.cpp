#include "head/command/command_line.h"

namespace mangrove::head {

Result<Login> read_login(const CommandLine& line) {
    Login login = line.login;
    TRY(take_open_word(login));
    TRY(read_chap(line.chap_file, login));
    return login;
}

void add_login_options(CommandLine& line, CLI::App& command) {
    const std::string group = "iSCSI";
    command
        .add_option("--initiator", line.login.initiators,
                    "An initiator that may log in; may be repeated; 'all': every initiator")
        ->allow_extra_args(false)
        ->group(group);
    command
        .add_option("--chap-file", line.chap_file,
                    "A file with the USER:PASSWORD that initiators log in with (CHAP)")
        ->group(group);
}

} // namespace mangrove::head
