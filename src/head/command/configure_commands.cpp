#include "head/command/configure_commands.h"

#include <cstdio>

#include "head/command/node_commands.h"
#include "head/host/host.h"

namespace mangrove::head {

namespace {

Json report(const Machines& machines) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "nodes", static_cast<double>(machines.all.size()));
    add_texts(json.get(), "warnings", machines.warnings);
    return json;
}

} // namespace

Outcome<> configure(Call& call, const ConfigurationFormat& format, const std::filesystem::path& output,
                    Foreign foreign, const std::string& reload) {
    if (!reload.empty() && output.empty())
        return permanent_error("--reload: there is no file that could change; name one with --output");
    Machines machines = TRY(machines_of(TRY(load_inventory(call))));
    std::string contents = TRY(format.write(machines.all));
    for (const std::string& warning : machines.warnings)
        call.progress.warn(warning);
    Json json = report(machines);
    if (output.empty()) {
        add_text(json.get(), "contents", contents);
        if (call.form == Form::table) std::fputs(contents.c_str(), stdout);
    } else {
        bool is_changed = TRY(replace_configuration(output, contents, foreign));
        call.progress.note(text(output.native(), is_changed ? ": written" : ": is up to date"));
        add_text(json.get(), "file", output.native());
        cJSON_AddBoolToObject(json.get(), "changed", is_changed);
        if (is_changed && !reload.empty())
            TRY(LinuxHost().run({"sh", "-c", reload}), "after writing ", output.native());
    }
    if (call.form == Form::json) print(json);
    return {};
}

} // namespace mangrove::head
