#include "head/command/secret_commands.h"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <unistd.h>

#include "base/whole_file.h"
#include "head/command/file_commands.h"
#include "head/command/node_commands.h"
#include "head/files/secrets.h"

namespace mangrove::head {

namespace {

Result<std::string> read_value(const std::string& name, const std::filesystem::path& file) {
    if (!file.empty()) return read_file(file);
    if (::isatty(STDIN_FILENO) == 1) {
        // It does not show what is typed.
        const char* typed = ::getpass(text("Value of the secret ", name, ": ").c_str());
        return typed ? Result<std::string>(typed) : permanent_error("reading the terminal failed");
    }
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Json to_json(const Secret& secret) {
    Json json = make_json_object();
    add_text(json.get(), "name", secret.name);
    add_text(json.get(), "time", secret.time);
    add_text(json.get(), "who", secret.who);
    cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(secret.size));
    return json;
}

} // namespace

Outcome<> secret_set(Call& call, const std::string& name, const std::filesystem::path& file) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::string value = TRY(read_value(name, file));
    std::optional<Secret> written = TRY(set_secret(*database, name, value, who()));
    call.progress.note(
        text("secret ", name, written ? text(": written, ", written->size, " bytes") : ": unchanged"));
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_text(json.get(), "name", name);
        cJSON_AddBoolToObject(json.get(), "changed", written.has_value());
        print(json);
    }
    return {};
}

Outcome<> secret_list(Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<Secret> secrets = TRY(list_secrets(*database));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-24s %-20s  %-10s %8s\n", "SECRET", "WRITTEN", "WHO", "BYTES");
    for (const Secret& secret : secrets) {
        if (call.form == Form::table)
            std::printf("%-24s %-20s  %-10s %8zu\n", secret.name.c_str(), secret.time.c_str(),
                        secret.who.c_str(), static_cast<size_t>(secret.size));
        cJSON_AddItemToArray(all.get(), to_json(secret).release());
    }
    if (call.form == Form::json) print(all);
    if (secrets.empty()) hint(call, "there are no secrets; mangrovectl secret set NAME --file FILE");
    return {};
}

Outcome<> secret_remove(Call& call, const std::string& name) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    TRY(remove_secret(*database, open_file_store(call), TRY(Inventory::load(*database)), name));
    call.progress.note("removed the secret " + name);
    return {};
}

} // namespace mangrove::head
