#include "head/command/secret_commands.h"

#include "head/command/command_line.h"

namespace mangrove::head {

void add_secret_commands(CommandLine& line) {
    CLI::App* secret =
        line.app.add_subcommand("secret", "Secrets for the templates of files, and passwords of BMCs");
    secret->require_subcommand(1);
    auto add = [&line, secret](const char* name, const char* about,
                               const std::function<Outcome<>(Call & call)>& command) {
        CLI::App* added = secret->add_subcommand(name, about);
        add_json(line, *added);
        added->callback([&line, command] { line.run(command); });
        return added;
    };
    CLI::App* set = add("set", "Writes a secret, which is read from a file or standard input",
                        [&line](Call& call) { return secret_set(call, line.reference, line.path); });
    set->footer("Templates read it with {{ secret \"NAME\" }}. Its value is never shown.");
    set->add_option("secret", line.reference, "Its name")->required();
    set->add_option("--file", line.path, "The file with its value")->type_name("FILE");
    add("list", "Lists secrets without their values", secret_list);
    add("remove", "Removes a secret that nothing uses",
        [&line](Call& call) { return secret_remove(call, line.reference); })
        ->add_option("secret", line.reference, "Its name")
        ->required();
}

} // namespace mangrove::head
