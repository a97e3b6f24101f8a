#include "head/command/command_line.h"
#include "head/command/token_commands.h"

namespace mangrove::head {

void add_token_commands(CommandLine& line) {
    CLI::App* token = line.app.add_subcommand("token", "Tokens for the API of mangrove-head");
    token->require_subcommand(1);
    CLI::App* add = token->add_subcommand("add", "Makes a token and prints it; it is shown only now");
    add_json(line, *add);
    add->add_option("name", line.reference, "Whose it is: a person or a program")->required();
    add->add_option("--role", line.role, "view, operate (also writes) or admin (also makes tokens)")
        ->required()
        ->type_name("ROLE");
    add->callback(
        [&line] { line.run([&line](Call& call) { return token_add(call, line.reference, line.role); }); });
    CLI::App* list = token->add_subcommand("list", "Lists tokens, without their values");
    add_json(line, *list);
    list->callback([&line] { line.run(token_list); });
    CLI::App* remove = token->add_subcommand("remove", "Removes a token; it is refused from then on");
    add_json(line, *remove);
    remove->add_option("token", line.reference, "Its name")->required();
    remove->callback(
        [&line] { line.run([&line](Call& call) { return token_remove(call, line.reference); }); });
}

} // namespace mangrove::head
