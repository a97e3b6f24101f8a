#include "head/serve/settings.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/whole_file.h"
#include "head/host/address.h"
#include "head/host/json.h"
#include "head/host/yaml.h"
#include "head/nodes/database.h"

namespace mangrove::head {

namespace {

constexpr double kMostPort = 65535;
constexpr double kMost = 1'000'000;

Result<uint64_t> number_of(const cJSON* value, double least, double most) {
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (number >= least && number <= most && number == static_cast<double>(static_cast<uint64_t>(number)))
        return static_cast<uint64_t>(number);
    return permanent_error("expected a whole number from ", static_cast<uint64_t>(least), " to ",
                           static_cast<uint64_t>(most));
}

Result<std::vector<std::string>> texts_of(const cJSON* value) {
    std::vector<std::string> texts;
    if (cJSON_IsString(value)) return std::vector<std::string>{value->valuestring};
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, value) {
        if (!cJSON_IsString(one)) return permanent_error("expected a list of texts");
        texts.emplace_back(one->valuestring);
    }
    if (!cJSON_IsArray(value)) return permanent_error("expected a text or a list of texts");
    return texts;
}

Result<std::filesystem::path> path_of(const cJSON* value) {
    if (!cJSON_IsString(value) || value->valuestring[0] != '/')
        return permanent_error("expected an absolute path");
    return std::filesystem::path(value->valuestring);
}

template <typename Number>
auto to_number(Number Settings::*member, double least, double most = kMost) {
    return [=](Settings& settings, const cJSON* value) -> Result<> {
        settings.*member = static_cast<Number>(TRY(number_of(value, least, most)));
        return {};
    };
}

auto to_path(std::filesystem::path Settings::*member) {
    return [=](Settings& settings, const cJSON* value) -> Result<> {
        settings.*member = TRY(path_of(value));
        return {};
    };
}

Result<> set_addresses(Settings& settings, const cJSON* value) {
    settings.addresses = TRY(texts_of(value));
    for (const std::string& address : settings.addresses)
        TRY(check_host("address", address));
    return {};
}

Result<> set_trust(Settings& settings, const cJSON* value) {
    const char* name = cJSON_GetStringValue(value);
    settings.trust = TRY(trust_from(name ? name : ""));
    return {};
}

Result<> set_view(Settings& settings, const cJSON* value) {
    const char* written = cJSON_GetStringValue(value);
    std::string name = written ? written : "";
    if (name != "open" && name != "token")
        return permanent_error("expected open or token, got '", name, "'",
                               did_you_mean(name, {"open", "token"}));
    settings.is_open_view = name == "open";
    return {};
}

Result<> set_database(Settings& settings, const cJSON* value) {
    const char* where = cJSON_GetStringValue(value);
    settings.database = where && is_etcd_url(where) ? where : TRY(path_of(value)).native();
    return {};
}

Result<> set_leases(Settings& settings, const cJSON* value) {
    settings.leases.clear();
    for (const std::string& path : TRY(texts_of(value)))
        settings.leases.emplace_back(path);
    return {};
}

Result<> set_scontrol(Settings& settings, const cJSON* value) {
    settings.scontrol = TRY(texts_of(value));
    if (settings.scontrol.empty()) return permanent_error("expected the words of a command");
    return {};
}

Result<> set_accept(Settings& settings, const cJSON* value) {
    if (!cJSON_IsArray(value)) return permanent_error("expected a list of rules");
    const cJSON* rule = nullptr;
    cJSON_ArrayForEach(rule, value) {
        settings.accept.push_back(TRY(read_accept_rule(rule)));
    }
    return {};
}

Result<> set_screen(Settings& settings, const cJSON* value) {
    settings.screen = std::chrono::seconds(TRY(number_of(value, 1, 3600)));
    return {};
}

using Setter = std::function<Result<>(Settings& settings, const cJSON* value)>;

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> all = {
        {"address", set_addresses},
        {"http", to_number(&Settings::http, 1, kMostPort)},
        {"https", to_number(&Settings::https, 1, kMostPort)},
        {"api", to_number(&Settings::api, 1, kMostPort)},
        {"trust", set_trust},
        {"view", set_view},
        {"nodes_per_second", to_number(&Settings::nodes_per_second, 1)},
        {"burst", to_number(&Settings::burst, 1)},
        {"connections", to_number(&Settings::connections, 16)},
        {"leases", set_leases},
        {"accept", set_accept},
        {"scontrol", set_scontrol},
        {"screen", set_screen},
        {"database", set_database},
        {"state", to_path(&Settings::state)},
        {"socket", to_path(&Settings::socket)},
        {"include", to_path(&Settings::include)},
    };
    return all;
}

std::string base_of(const char* scheme, const std::string& address, uint16_t port, uint16_t usual) {
    std::string host = address.contains(':') ? "[" + address + "]" : address;
    return text(scheme, "://", host, port == usual ? "" : text(":", port));
}

} // namespace

static constexpr std::pair<std::string_view, Trust> kTrusts[] = {
    {"open", Trust::open}, {"address", Trust::address}, {"tpm", Trust::tpm}};

std::string_view name_of(Trust trust) {
    return std::ranges::find(kTrusts, trust, &std::pair<std::string_view, Trust>::second)->first;
}

Result<Trust> trust_from(std::string_view name) {
    for (const auto& [known, trust] : kTrusts)
        if (name == known) return trust;
    return permanent_error("expected open, address or tpm, got '", name, "'",
                           did_you_mean(name, {"open", "address", "tpm"}));
}

Result<Settings> parse_settings(const std::string& written, std::string_view origin) {
    Json json = TRY(parse_yaml(written, origin));
    Settings settings;
    if (!cJSON_IsObject(json.get()) && !cJSON_IsNull(json.get()))
        return permanent_error(origin, ": expected lines with KEY: VALUE");
    std::vector<std::string> names;
    for (const auto& [name, set] : setters())
        names.push_back(name);
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, json.get()) {
        auto found = setters().find(item->string);
        if (found == setters().end())
            return permanent_error(origin, ": unknown key '", item->string, "'",
                                   did_you_mean(item->string, names), "; there are ", join(names, ", "));
        if (Result<> done = found->second(settings, item); !done)
            return permanent_error(origin, ": ", item->string, ": ", done.error().what);
    }
    if (settings.addresses.empty())
        return permanent_error(origin,
                               ": address is missing; write that of this machine on the nodes' network");
    return settings;
}

Result<Settings> read_settings(const std::filesystem::path& file) {
    return parse_settings(TRY(read_file(file)), file.native());
}

std::string http_base(const Settings& settings) {
    return base_of("http", settings.addresses[0], settings.http, 80);
}

std::string https_base(const Settings& settings) {
    return base_of("https", settings.addresses[0], settings.https, 443);
}

} // namespace mangrove::head
