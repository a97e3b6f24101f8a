#include "head/nodes/objects.h"

#include <algorithm>
#include <functional>
#include <set>
#include <span>

#include "head/host/address.h"
#include "head/host/json.h"
#include "head/host/uuid.h"
#include "head/nodes/merge.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;
using Normalize = Result<std::string> (*)(std::string_view written);

constexpr size_t kMaxNodeName = 253; ///< of DNS
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxOtherName = 100;
constexpr uint64_t kMaxMtu = 65'536;

struct Field {
    const char* name;
    FieldType type;
    Normalize normalize = nullptr;      ///< of a text, or of each of several
    std::span<const Field> fields = {}; ///< of an object
    bool is_keyed = false;              ///< an object of such objects, by names
};

template <typename... Rest>
std::unexpected<Error> bad_name(std::string_view noun, std::string_view name, const Rest&... problem) {
    return permanent_error("invalid ", noun, " name ", quoted_name(name.substr(0, kMaxNodeName)), ": ",
                           problem...);
}

bool is_alphanumeric(char character) {
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z')
           || (character >= 'A' && character <= 'Z');
}

/// Whether inet_aton(3) takes it for a part of an address: "1", "0x7f".
bool is_number(std::string_view label) {
    bool is_hexadecimal = label.starts_with("0x") || label.starts_with("0X");
    if (is_hexadecimal) label.remove_prefix(2);
    return label.find_first_not_of(is_hexadecimal ? "0123456789abcdefABCDEF" : "0123456789")
           == std::string_view::npos;
}

Result<std::string> normalize_uuid(std::string_view written) {
    std::string uuid = lower_case(trim(written));
    std::erase(uuid, '-');
    if (uuid.size() != 32 || uuid.find_first_not_of("0123456789abcdef") != std::string::npos)
        return permanent_error("expected a UUID such as f2c626b7-2c0f-41b4-88b8-2edf5cd49a54, got ",
                               quoted_name(written));
    return uuid_from_digits(uuid);
}

Result<std::string> normalize_group(std::string_view written) {
    TRY(check_name("group", written.substr(written.starts_with('~') ? 1 : 0)));
    return std::string(written);
}

Result<std::string> normalize_files(std::string_view written) {
    TRY(check_name("files", written));
    return std::string(written);
}

Result<std::string> normalize_address(std::string_view written) {
    size_t slash = written.find('/');
    std::optional<uint64_t> prefix =
        slash == std::string_view::npos ? 0 : parse_number(written.substr(slash + 1));
    if (!is_ip_address(std::string(written.substr(0, slash))) || !prefix || *prefix > 128)
        return permanent_error("expected an IP address, got ", quoted_name(written));
    return lower_case(written);
}

Result<std::string> normalize_bmc_kind(std::string_view written) {
    static const Words known = {"ipmi", "redfish", "powerman"};
    if (std::ranges::find(known, written) != known.end()) return std::string(written);
    return permanent_error("expected ", join(known, ", "), ", got ", quoted_name(written),
                           did_you_mean(written, known));
}

constexpr Field kBmcFields[] = {
    {"kind", FieldType::text, normalize_bmc_kind},
    {"address", FieldType::text},
    {"user", FieldType::text},
    {"secret", FieldType::text},
    {"ca", FieldType::text},
    {"system", FieldType::text},
};

constexpr Field kInterfaceFields[] = {
    {"device", FieldType::text},
    {"type", FieldType::text},
    {"mac", FieldType::text, normalize_mac},
    {"address", FieldType::text, normalize_address},
    {"netmask", FieldType::text, normalize_address},
    {"gateway", FieldType::text, normalize_address},
    {"address6", FieldType::text, normalize_address},
    {"prefix6", FieldType::text},
    {"gateway6", FieldType::text, normalize_address},
    {"mtu", FieldType::number},
    {"vlan", FieldType::number},
    {"primary", FieldType::flag},
    {"onboot", FieldType::flag},
    {"values", FieldType::any},
};

constexpr Field kNodeFields[] = {
    {"macs", FieldType::texts, normalize_mac},
    {"uuid", FieldType::text, normalize_uuid},
    {"groups", FieldType::texts, normalize_group},
    {"values", FieldType::any},
    {"bmc", FieldType::object, nullptr, kBmcFields},
    {"interfaces", FieldType::object, nullptr, kInterfaceFields, true},
};

constexpr Field kGroupFields[] = {
    {"groups", FieldType::texts, normalize_group},
    {"values", FieldType::any},
    {"files", FieldType::texts, normalize_files},
    {"match", FieldType::text},
    {"bmc", FieldType::object, nullptr, kBmcFields},
    {"interfaces", FieldType::object, nullptr, kInterfaceFields, true},
};

std::span<const Field> fields_of(std::string_view noun) {
    if (noun == "node") return kNodeFields;
    return kGroupFields;
}

Words names_of(std::span<const Field> fields) {
    Words names;
    for (const Field& field : fields)
        names.emplace_back(field.name);
    return names;
}

const Field* find_field(std::span<const Field> fields, std::string_view name) {
    auto found = std::ranges::find(fields, name, &Field::name);
    return found == fields.end() ? nullptr : &*found;
}

std::unexpected<Error> unknown_field(std::span<const Field> fields, const std::string& path,
                                     std::string_view name) {
    std::string meant = did_you_mean(name, names_of(fields));
    return permanent_error(path, ": unknown field",
                           meant.empty() ? "; known are " + join(names_of(fields), ", ") : meant);
}

std::string path_of(const std::string& parent, std::string_view name) {
    return parent.empty() ? std::string(name) : text(parent, ".", name);
}

/// YAML takes 525400123456 for a number, and so does a reader of JSON; it is as good a text.
void make_text(cJSON* value) {
    Json written(cJSON_CreateString(one_line(value).c_str()));
    std::swap(value->valuestring, written->valuestring);
    std::swap(value->type, written->type);
}

Result<> normalize_text(const Field& field, cJSON* value, const std::string& path) {
    if (cJSON_IsNumber(value)) make_text(value);
    if (!cJSON_IsString(value) || *value->valuestring == '\0')
        return permanent_error(path, ": expected a text that is not empty");
    if (!field.normalize) return {};
    Result<std::string> normal = field.normalize(value->valuestring);
    if (!normal) return permanent_error(path, ": ", normal.error().what);
    cJSON_SetValuestring(value, normal->c_str());
    return {};
}

Result<> check_texts(const Field& field, cJSON* value, const std::string& path) {
    if (!cJSON_IsArray(value)) return permanent_error(path, ": expected a list of texts");
    std::set<std::string> known;
    cJSON* item = nullptr;
    size_t index = 0;
    cJSON_ArrayForEach(item, value) {
        std::string at = text(path, "[", index++, "]");
        TRY(normalize_text(field, item, at));
        if (!known.insert(item->valuestring).second)
            return permanent_error(at, ": '", item->valuestring, "' occurs twice");
    }
    return {};
}

Result<> check_number(const cJSON* value, const std::string& path) {
    bool is_whole = cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= kMaxMtu
                    && value->valuedouble == static_cast<double>(static_cast<uint64_t>(value->valuedouble));
    if (!is_whole) return permanent_error(path, ": expected a whole number from 0 to ", kMaxMtu);
    return {};
}

/// Any JSON, whose objects have each key once: also not both as KEY and as KEY!.
Result<> check_any(const cJSON* value, const std::string& path) {
    std::set<std::string> keys;
    const cJSON* item = nullptr;
    size_t index = 0;
    cJSON_ArrayForEach(item, value) {
        if (cJSON_IsArray(value)) {
            TRY(check_any(item, text(path, "[", index++, "]")));
            continue;
        }
        std::string key = item->string;
        if (key.ends_with('!')) key.pop_back();
        if (key.empty()) return permanent_error(path, ": a key is empty");
        if (!keys.insert(key).second) return permanent_error(path, ".", key, ": occurs twice");
        TRY(check_any(item, path_of(path, item->string)));
    }
    return {};
}

Result<> check_fields(std::span<const Field> fields, cJSON* object, const std::string& path);

/// An object of a field, or the objects of its names.
Result<> check_object_field(const Field& field, cJSON* value, const std::string& path) {
    if (!cJSON_IsObject(value)) return permanent_error(path, ": expected an object");
    if (!field.is_keyed) return check_fields(field.fields, value, path);
    TRY(check_any(value, path));
    cJSON* item = nullptr;
    cJSON_ArrayForEach(item, value) {
        std::string at = path_of(path, item->string);
        if (!cJSON_IsObject(item)) return permanent_error(at, ": expected an object");
        TRY(check_fields(field.fields, item, at));
    }
    return {};
}

Result<> check_field(const Field& field, cJSON* value, const std::string& path) {
    switch (field.type) {
    case FieldType::text:
        return normalize_text(field, value, path);
    case FieldType::texts:
        return check_texts(field, value, path);
    case FieldType::number:
        return check_number(value, path);
    case FieldType::flag:
        if (!cJSON_IsBool(value)) return permanent_error(path, ": expected true or false");
        return {};
    case FieldType::any:
        if (!cJSON_IsObject(value)) return permanent_error(path, ": expected an object");
        return check_any(value, path);
    case FieldType::object:
        return check_object_field(field, value, path);
    }
    return {};
}

Result<> check_fields(std::span<const Field> fields, cJSON* object, const std::string& path) {
    std::set<std::string> known;
    cJSON* item = nullptr;
    cJSON_ArrayForEach(item, object) {
        std::string at = path_of(path, item->string);
        const Field* field = find_field(fields, item->string);
        if (!field) return unknown_field(fields, at, item->string);
        if (!known.insert(item->string).second) return permanent_error(at, ": occurs twice");
        TRY(check_field(*field, item, at));
    }
    return {};
}

std::string group_of_reference(const std::string& reference) {
    return reference.starts_with('~') ? reference.substr(1) : reference;
}

Words group_names(const Objects& all) {
    Words names;
    for (auto found = all.lower_bound("group/"); found != all.end() && found->first.starts_with("group/");
         ++found)
        names.push_back(found->second.name);
    return names;
}

Result<> check_references(const Objects& all) {
    for (const auto& [key, object] : all)
        for (const std::string& reference : texts_at(object.fields.get(), "groups")) {
            std::string group = group_of_reference(reference);
            if (!all.contains("group/" + group))
                return permanent_error(object.title(), ": groups: no group '", group, "'",
                                       did_you_mean(group, group_names(all)));
        }
    return {};
}

/// Finds a group that includes itself, by a walk in depth.
class CycleSearch {
  public:
    explicit CycleSearch(const Objects& all) : all_(all) {}

    Result<> visit(const std::string& group) {
        auto open = std::ranges::find(path_, group);
        if (open != path_.end()) {
            Words cycle(open, path_.end());
            cycle.push_back(group);
            return permanent_error("group ", group, ": includes itself: ", join(cycle, " -> "));
        }
        if (!done_.insert(group).second) return {};
        path_.push_back(group);
        for (const std::string& inner : texts_at(all_.at("group/" + group).fields.get(), "groups"))
            if (!inner.starts_with('~')) TRY(visit(inner));
        path_.pop_back();
        return {};
    }

  private:
    const Objects& all_;
    Words path_;
    std::set<std::string> done_;
};

/// The holder of each name or address that only one object may have.
class Holders {
  public:
    explicit Holders(const char* what) : what_(what) {}

    Result<> add(const std::string& value, const Object& object) {
        auto [found, is_new] = holders_.try_emplace(value, &object);
        if (!is_new && found->second != &object)
            return permanent_error(found->second->title(), " and ", object.title(), ": both have the ", what_,
                                   " ", value);
        return {};
    }

  private:
    const char* what_;
    std::map<std::string, const Object*> holders_;
};

Result<> check_unique(const Objects& all) {
    Holders macs("MAC address");
    Holders uuids("UUID");
    Holders names("name (in whatever case)");
    for (const auto& [key, object] : all) {
        TRY(names.add(object.noun + " " + lower_case(object.name), object));
        if (object.noun != "node") continue;
        for (const std::string& mac : macs_of(object))
            TRY(macs.add(mac, object));
        if (std::string uuid = text_at(object.fields.get(), "uuid"); !uuid.empty())
            TRY(uuids.add(uuid, object));
    }
    return {};
}

} // namespace

Object copy_of(const Object& object) {
    return {.noun = object.noun,
            .name = object.name,
            .fields = Json(cJSON_Duplicate(object.fields.get(), true)),
            .revision = object.revision};
}

Result<FieldType> field_type(const std::string& noun, const std::string& path) {
    std::span<const Field> fields = fields_of(noun);
    Words parts = split(path, '.');
    for (size_t i = 0; i < parts.size(); ++i) {
        const Field* field = find_field(fields, parts[i]);
        if (!field) return unknown_field(fields, path, parts[i]);
        bool is_last = i + 1 == parts.size();
        if (is_last || field->type == FieldType::any) return field->type;
        if (field->type != FieldType::object) return permanent_error(path, ": ", parts[i], " has no fields");
        fields = field->fields;
        if (field->is_keyed && ++i + 1 == parts.size()) return FieldType::object;
    }
    return FieldType::object;
}

Result<> check_object(Object& object) {
    if (object.noun != "node" && object.noun != "group")
        return permanent_error("unknown noun '", object.noun, "'",
                               did_you_mean(object.noun, {"node", "group"}));
    TRY(check_name(object.noun, object.name));
    if (!cJSON_IsObject(object.fields.get())) return permanent_error(object.title(), ": expected an object");
    Result<> checked = check_fields(fields_of(object.noun), object.fields.get(), "");
    if (!checked) return permanent_error(object.title(), ": ", checked.error().what);
    return {};
}

Result<> check_objects(const Objects& all) {
    TRY(check_references(all));
    CycleSearch cycles(all);
    for (const std::string& group : group_names(all))
        TRY(cycles.visit(group));
    return check_unique(all);
}

Result<> check_name(std::string_view noun, std::string_view name) {
    if (name.empty()) return bad_name(noun, name, "it is empty");
    size_t most = noun == "node" ? kMaxNodeName : kMaxOtherName;
    if (name.size() > most)
        return bad_name(noun, name, "it has ", name.size(), " characters; the most are ", most);
    auto is_valid = [](char character) {
        return is_alphanumeric(character) || std::string_view("._-").find(character) != std::string::npos;
    };
    if (!std::ranges::all_of(name, is_valid))
        return bad_name(noun, name, "use letters, digits, '.', '_' and '-' only");
    if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back()))
        return bad_name(noun, name, "begin and end it with a letter or a digit");
    if (name == "all") return bad_name(noun, name, "it means all nodes; choose another");
    for (const std::string& label : split(name, '.'))
        if (label.empty() || (noun == "node" && label.size() > kMaxLabel))
            return bad_name(noun, name, "between dots it needs 1 to ", kMaxLabel, " characters");
    // RFC 1123, 2.1: so that a name can be told from an address.
    if (noun == "node" && is_number(name.substr(name.rfind('.') + 1)))
        return bad_name(noun, name, "its last part is a number, as that of an address; put a letter into it");
    return {};
}

Result<std::string> normalize_mac(std::string_view written) {
    std::string digits = lower_case(trim(written));
    std::erase_if(
        digits, [](char character) { return std::string_view(":-.").find(character) != std::string::npos; });
    bool has_length = digits.size() == 12 || digits.size() == 16 || digits.size() == 40;
    if (!has_length || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
        return permanent_error("expected a MAC address such as 52:54:00:12:34:56, got ",
                               quoted_name(written));
    if (digits.find_first_not_of('0') == std::string::npos)
        return permanent_error("the MAC address ", quoted_name(written), " is of no card");
    for (size_t at = digits.size() - 2; at > 0; at -= 2)
        digits.insert(at, ":");
    return digits;
}

std::vector<std::string> macs_of(const Object& node) {
    Words macs = texts_at(node.fields.get(), "macs");
    const cJSON* interface = nullptr;
    cJSON_ArrayForEach(interface, cJSON_GetObjectItemCaseSensitive(node.fields.get(), "interfaces")) {
        std::string mac = text_at(interface, "mac");
        if (!mac.empty() && std::ranges::find(macs, mac) == macs.end()) macs.push_back(std::move(mac));
    }
    return macs;
}

std::string quoted_name(std::string_view name) {
    return print_json(Json(cJSON_CreateString(std::string(name).c_str())));
}

} // namespace mangrove::head
