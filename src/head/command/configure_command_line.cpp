#include "head/command/command_line.h"
#include "head/command/configure_commands.h"

namespace mangrove::head {

void add_configure_commands(CommandLine& line) {
    CLI::App* configure =
        line.app.add_subcommand("configure", "Writes files for other programs out of nodes and groups");
    configure->require_subcommand(1);
    for (const ConfigurationFormat& format : configuration_formats()) {
        CLI::App* one = configure->add_subcommand(format.name, format.about);
        one->footer("A file is replaced by rename, and only when it differs.");
        one->add_option("-o,--output", line.output, "The file; - is standard output")
            ->capture_default_str()
            ->type_name("FILE");
        one->add_flag("--force", line.force, "Also replace a file that was not written by this command");
        one->add_option("--reload", line.other,
                        "Run this when the file has changed: 'systemctl reload dnsmasq'")
            ->type_name("COMMAND");
        add_json(line, *one);
        one->callback([&line, &format] {
            Foreign foreign = line.force ? Foreign::is_replaced : Foreign::is_refused;
            std::filesystem::path output = line.output == "-" ? "" : line.output;
            line.run([&](Call& call) { return head::configure(call, format, output, foreign, line.other); });
        });
    }
}

} // namespace mangrove::head
