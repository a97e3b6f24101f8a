#include "head/files/secrets.h"

#include <algorithm>

#include "head/files/rendered_tree.h"
#include "head/host/base64.h"
#include "head/host/json.h"
#include "head/nodes/changes.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "secret/";

struct Kept {
    Secret secret;
    std::string value;
};

Result<Kept> from_entry(const Entry& entry) {
    Json json = TRY(parse_json(entry.value, entry.key));
    Kept kept{.secret = {.name = entry.key.substr(kPrefix.size()),
                         .time = text_at(json.get(), "time"),
                         .who = text_at(json.get(), "who")},
              .value = from_base64(text_at(json.get(), "value"))};
    kept.secret.size = kept.value.size();
    return kept;
}

std::string to_json(const Secret& secret, const std::string& value) {
    Json json = make_json_object();
    add_text(json.get(), "time", secret.time);
    add_text(json.get(), "who", secret.who);
    add_text(json.get(), "value", base64(value));
    return print_json(json);
}

Result<std::vector<Kept>> read_all(Database& database) {
    std::vector<Kept> all;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix))))
        all.push_back(TRY(from_entry(entry)));
    return all;
}

/// Whether a template has `secret "NAME"`.
bool names_secret(const std::string& written, const std::string& name) {
    return std::ranges::any_of(std::string_view("\"`"), [&](char quote) {
        return written.contains(text("secret ", quote, name, quote));
    });
}

/// Returns who uses a secret, for an error.
Result<std::string> user_of(Database& database, const FileStore& store, const Inventory& inventory,
                            const std::string& name) {
    for (const FileSet& set : TRY(list_file_sets(database)))
        for (const Template& one : templates_of(TRY(store.read(set.name, set.revision))))
            if (names_secret(one.text, name)) return text("the template ", one.name, " of files ", set.name);
    for (const auto& [key, object] : inventory.objects())
        if (text_at(cJSON_GetObjectItemCaseSensitive(object.fields.get(), "bmc"), "secret") == name)
            return text("bmc.secret of ", object.title());
    return std::string();
}

} // namespace

Result<std::vector<Secret>> list_secrets(Database& database) {
    std::vector<Secret> secrets;
    for (Kept& kept : TRY(read_all(database)))
        secrets.push_back(std::move(kept.secret));
    return secrets;
}

Result<std::map<std::string, std::string>> secret_values(Database& database) {
    std::map<std::string, std::string> values;
    for (Kept& kept : TRY(read_all(database)))
        values.emplace(std::move(kept.secret.name), std::move(kept.value));
    return values;
}

Result<std::optional<std::string>> secret_value(Database& database, const std::string& name) {
    std::optional<Entry> entry = TRY(database.get(text(kPrefix, name)));
    if (!entry) return std::nullopt;
    return TRY(from_entry(*entry)).value;
}

Result<std::map<std::string, std::string>> secret_placeholders(Database& database) {
    std::map<std::string, std::string> values;
    for (const Secret& secret : TRY(list_secrets(database)))
        values.emplace(secret.name, text("(secret ", secret.name, ")"));
    return values;
}

Result<std::optional<Secret>> set_secret(Database& database, const std::string& name,
                                         const std::string& value, const std::string& who) {
    TRY(check_name("secret", name));
    if (value.empty()) return permanent_error("secret ", name, ": it is empty; give its value");
    if (value.size() > kMostBytesOfSecret)
        return permanent_error("secret ", name, ": it is larger than ", kMostBytesOfSecret >> 10,
                               " KiB; keep it in the image or on a file server");
    Secret secret{.name = name, .time = utc_now(), .who = who, .size = value.size()};
    if (std::optional<Entry> entry = TRY(database.get(secret.key()));
        entry && TRY(from_entry(*entry)).value == value)
        return std::nullopt;
    TRY(database.commit({{secret.key(), to_json(secret, value)}}));
    return secret;
}

Result<> remove_secret(Database& database, const FileStore& store, const Inventory& inventory,
                       const std::string& name) {
    std::vector<std::string> names;
    for (const Secret& secret : TRY(list_secrets(database)))
        names.push_back(secret.name);
    if (std::ranges::find(names, name) == names.end())
        return permanent_error("secret ", name, ": not found", did_you_mean(name, names));
    if (std::string user = TRY(user_of(database, store, inventory, name)); !user.empty())
        return permanent_error("secret ", name, ": in use by ", user, "; remove it there first");
    TRY(database.commit({{text(kPrefix, name), std::nullopt}}));
    return {};
}

} // namespace mangrove::head
