#include "head/command/command_line.h"

namespace mangrove::head {

namespace {

Result<LunRequest> lun_request(const CommandLine& line) {
    LunRequest request = line.lun;
    if (!line.size.empty()) request.size = TRY(parse_size(line.size));
    if (line.block_device) request.kind = Lun::Kind::block_device;
    return request;
}

Outcome<> run_start(CommandLine& line, Call& call) {
    if (line.read_only) line.target.access = Access::read_only;
    line.target.login = TRY(read_login(line));
    return target_start(call, line.target);
}

Outcome<> run_add_lun(const CommandLine& line, Call& call) {
    return target_add_lun(call, line.target.name, TRY(lun_request(line)));
}

Outcome<> run_upload(const CommandLine& line, Call& call) {
    return target_upload(call, line.target.name, TRY(lun_request(line)));
}

CLI::App* add_command(CommandLine& line, CLI::App& target, const char* name, const char* about) {
    CLI::App* command = target.add_subcommand(name, about);
    command->add_option("--name", line.target.name, "Which target")->capture_default_str();
    add_json(line, *command);
    return command;
}

void add_start(CommandLine& line, CLI::App& target) {
    CLI::App* start = add_command(line, target, "start", "Starts a target without LUNs and prints its IQN");
    start->add_option("--server", line.target.server, "tgt or lio")->capture_default_str();
    start->add_option("--host", line.target.host,
                      "The IP address that it is reached at (default: this machine's, on the way out)");
    start->add_option("--port", line.target.port, "The TCP port that it listens on")->capture_default_str();
    start->add_option("--iqn", line.target.iqn, "Its name for initiators (default: made from --name)");
    make_absolute(*start
                       ->add_option("--directory", line.target.directory,
                                    "Where its image files are; nothing outside becomes a LUN")
                       ->capture_default_str());
    make_absolute(*start
                       ->add_option("--device", line.target.devices,
                                    "A block device that may become a LUN; may be repeated (default: none)")
                       ->allow_extra_args(false));
    start->add_flag("--read-only", line.read_only, "Nobody can write to its LUNs");
    add_login_options(line, *start);
    start->callback([&line] { line.run([&](Call& call) { return run_start(line, call); }); });
}

void add_facts(CommandLine& line, CLI::App& target) {
    constexpr std::tuple<const char*, const char*, TargetFact> kFacts[] = {
        {"host", "Prints the address that the target is reached at", TargetFact::host},
        {"port", "Prints the port that it listens on", TargetFact::port},
        {"iqn", "Prints its IQN", TargetFact::iqn}};
    for (const auto& [name, about, fact] : kFacts)
        add_command(line, target, name, about)->callback([&line, wanted = fact] {
            line.run([&](Call& call) { return target_show(call, line.target.name, wanted); });
        });
}

void add_lun_commands(CommandLine& line, CLI::App& target) {
    CLI::App* add =
        add_command(line, target, "add-lun", "Makes a file or a device a LUN, and prints its number");
    add->add_option("lun", line.lun.name, "The name of the LUN")->required();
    add->add_option("path", line.lun.path,
                    "A file in the image directory (default: LUN.img), or with --block-device a device");
    add->add_option("--size", line.size, "10G: the file is made of this size where it is missing");
    add->add_flag("--block-device", line.block_device,
                  "PATH is one that the target was started with (--device)");
    add->callback([&line] { line.run([&](Call& call) { return run_add_lun(line, call); }); });
    CLI::App* remove = add_command(line, target, "remove-lun", "Takes a LUN away; its file stays");
    remove->add_option("lun", line.lun.name, "The name of the LUN")->required();
    remove->callback([&line] {
        line.run([&](Call& call) { return target_remove_lun(call, line.target.name, line.lun.name); });
    });
    CLI::App* list = add_command(line, target, "list-luns", "Lists the LUNs of a target");
    list->callback(
        [&line] { line.run([&](Call& call) { return target_list_luns(call, line.target.name); }); });
    CLI::App* upload = add_command(line, target, "upload-image",
                                   "Brings an image into the image directory as LUN.img and makes it a LUN");
    upload->footer("A file that ends with .gz, .xz or .zst is unpacked. When LUN.img has the same contents\n"
                   "already, nothing is written.");
    upload->add_option("lun", line.lun.name, "The name of the LUN")->required();
    upload->add_option("source", line.lun.source, "The image")->required()->type_name("FILE");
    upload->add_option("--size", line.size, "10G: how large it becomes at least");
    upload->callback([&line] { line.run([&](Call& call) { return run_upload(line, call); }); });
}

} // namespace

void add_target_commands(CommandLine& line) {
    CLI::App* target =
        line.app.add_subcommand("target", "iSCSI targets whose LUNs come and go, on tgt or LIO");
    target->require_subcommand(1);
    add_start(line, *target);
    CLI::App* stop =
        add_command(line, *target, "stop", "Ends a target, with all of its LUNs; their files stay");
    stop->add_flag("--force", line.force, "Also while initiators are logged in");
    stop->callback([&line] {
        line.run([&](Call& call) { return target_stop(call, line.target.name, line.in_use()); });
    });
    add_facts(line, *target);
    add_lun_commands(line, *target);
}

} // namespace mangrove::head
