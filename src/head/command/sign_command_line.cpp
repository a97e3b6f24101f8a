#include "head/command/command_line.h"
#include "head/command/sign_commands.h"

namespace mangrove::head {

namespace {

CLI::Option* add_key(CLI::App& command, std::string& key) {
    return command.add_option("--key", key, "The private key, or the public one of a key in ssh-agent")
        ->type_name("FILE");
}

} // namespace

void add_signing_options(CommandLine& line, CLI::App& command, CLI::Option* needs) {
    const std::string group = "Signing";
    CLI::Option* options[] = {
        add_key(command, line.signing.key),
        command
            .add_option("--valid-until", line.signing.validity.until,
                        "When nodes begin to refuse the definition: 2027-03-01 (default: never)")
            ->type_name("TIME"),
        command
            .add_option("--serial", line.signing.validity.serial,
                        "A number that you raise with each definition (default: none)")
            ->type_name("N"),
    };
    for (CLI::Option* option : options) {
        option->group(group);
        if (needs) option->needs(needs);
    }
}

void add_sign_commands(CommandLine& line) {
    auto request = std::make_shared<SignRequest>();
    CLI::App* signing = line.app.add_subcommand("sign", "Signs a definition with a key of SSH");
    signing->footer(
        "ssh-keygen or ssh-agent signs, so keys in hardware work. Nodes whose initramfs was built "
        "with --signers boot signed definitions only.");
    add_json(line, *signing);
    signing->add_option("file", request->file, "The definition")->required()->type_name("FILE");
    add_key(*signing, request->key);
    signing
        ->add_option("--print", request->form,
                     "Print the definition with its signature instead of writing FILE.sig")
        ->check(CLI::IsMember({"envelope", "argument"}));
    signing
        ->add_option("--for", request->publication,
                     "Have mangrove-head serve the signed definition to the nodes of this publication")
        ->type_name("PUBLICATION")
        ->excludes("--print");
    signing->callback([&line, request] { line.run([&](Call& call) { return sign(call, *request); }); });

    auto question = std::make_shared<trust::CheckRequest>();
    CLI::App* verifying = line.app.add_subcommand("verify", "Says whether nodes boot a signed definition");
    add_json(line, *verifying);
    verifying->add_option("file", question->file, "The definition, or an envelope with it")
        ->required()
        ->type_name("FILE");
    verifying->add_option("--signers", question->signers, "The allowed signers of the nodes")
        ->required()
        ->type_name("FILE");
    verifying->add_option("--signature", question->signature, "The signature; else FILE.sig")
        ->type_name("FILE");
    verifying
        ->add_option("--node", question->nodes, "The MAC address or the UUID of the node; may be repeated")
        ->type_name("NAME");
    verifying->add_option("--least-serial", question->least_serial, "As for mangrove initramfs");
    verifying->callback([&line, question] { line.run([&](Call& call) { return verify(call, *question); }); });
}

} // namespace mangrove::head
