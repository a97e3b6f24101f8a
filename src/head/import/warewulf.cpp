/// nodes.conf of Warewulf 4.5 to 4.7: profiles become groups. docs/coming-from-warewulf.md has the table of
/// fields.

#include <algorithm>
#include <arpa/inet.h>

#include "head/host/json.h"
#include "head/import/collected.h"
#include "head/import/warewulf_file.h"

namespace mangrove::head {

namespace {

using warewulf::Rules;
using warewulf::Words;
using Kind = YamlTree::Kind;
using Chain = std::vector<const YamlTree*>;

/// How the value of a key is taken over.
enum class Form { text, flag, number, any, list, ignored, password };

struct Key {
    std::string_view theirs;
    const char* ours; ///< "bmc.user"
    Form form = Form::text;
};

/// Of nodes and profiles. Of two with one name here, the first counts.
constexpr Key kKeys[] = {
    {"cluster name", "values.cluster_name"},
    {"image name", "values.image"},
    {"container name", "values.image"},
    {"ipxe template", "values.ipxe_template"},
    {"init", "values.init"},
    {"root", "values.root"},
    {"asset key", "values.asset_key"},
    {"discoverable", "values.discoverable", Form::flag},
    {"primary network", "values.primary_network"},
    {"runtime overlay", "values.runtime_overlay", Form::list},
    {"system overlay", "values.system_overlay", Form::list},
    {"tags", "values.tags", Form::any},
    {"disks", "values.disks", Form::any},
    {"filesystems", "values.filesystems", Form::any},
    {"resources", "values.resources", Form::any},
    {"disabled", "", Form::ignored},
    {"tagsdel", "", Form::ignored},
};

constexpr Key kKernelKeys[] = {
    {"override", "values.kernel.version"},
    {"version", "values.kernel.version"},
    {"args", "values.kernel.arguments", Form::list},
};

constexpr Key kIpmiKeys[] = {
    {"ipaddr", "bmc.address"},
    {"username", "bmc.user"},
    {"password", "", Form::password},
    {"netmask", "values.ipmi.netmask"},
    {"gateway", "values.ipmi.gateway"},
    {"port", "values.ipmi.port"},
    {"interface", "values.ipmi.interface"},
    {"escapechar", "values.ipmi.escapechar"},
    {"write", "values.ipmi.write", Form::flag},
    {"template", "values.ipmi.template"},
    {"tags", "values.ipmi.tags", Form::any},
    {"tagsdel", "", Form::ignored},
};

/// Of a network device, in the object of the interface.
constexpr Key kDeviceKeys[] = {
    {"type", "type"},
    {"onboot", "onboot", Form::flag},
    {"device", "device"},
    {"hwaddr", "mac"},
    {"ipaddr", "address"},
    {"netmask", "netmask"},
    {"gateway", "gateway"},
    {"ipaddr6", "address6"},
    {"ip6addr", "address6"},
    {"prefixlen6", "prefix6"},
    {"gateway6", "gateway6"},
    {"mtu", "mtu", Form::number},
    {"tags", "values.tags", Form::any},
    {"prefix", "", Form::ignored},
    {"tagsdel", "", Form::ignored},
};

/// Fields that other functions read.
constexpr std::string_view kOtherKeys[] = {"profiles",        "kernel", "ipmi",
                                           "network devices", "keys",   "comment"};
constexpr std::string_view kOtherDeviceKeys[] = {"ipcidr", "primary", "default"};

/// The object that a path like "values.kernel.version" leads to, without its last key, and that key.
std::pair<cJSON*, std::string> place_of(cJSON* root, const std::string& path) {
    Words keys = split(path, '.');
    for (size_t i = 0; root && i + 1 < keys.size(); ++i)
        root = object_at(root, {keys[i]});
    return {root, keys.back()};
}

/// Puts a value where none is yet.
void put(cJSON* root, const std::string& path, Json value) {
    auto [place, key] = place_of(root, path);
    if (place && !cJSON_GetObjectItemCaseSensitive(place, key.c_str()))
        cJSON_AddItemToObject(place, key.c_str(), value.release());
}

Json list_of(const Words& words) {
    Json list(cJSON_CreateArray());
    for (const std::string& word : words)
        cJSON_AddItemToArray(list.get(), cJSON_CreateString(word.c_str()));
    return list;
}

/// The first key in a value that a group or node of ours would take as "replaces the list".
const YamlTree* replacing_key(const YamlTree& tree) {
    for (const auto& [key, value] : tree.entries) {
        if (key.ends_with('!')) return &value;
        if (const YamlTree* inner = replacing_key(value)) return inner;
    }
    for (const YamlTree& item : tree.items)
        if (const YamlTree* inner = replacing_key(item)) return inner;
    return nullptr;
}

template <size_t count>
bool has_key(const Key (&keys)[count], std::string_view name) {
    return std::ranges::find(keys, name, &Key::theirs) != std::end(keys);
}

/// "10.0.0.7/24" as address and netmask.
struct Network {
    std::string address;
    std::string netmask;
};

std::optional<Network> parse_cidr(const std::string& written) {
    size_t slash = written.find('/');
    uint64_t bits = slash == std::string::npos ? 33 : parse_number(written.substr(slash + 1)).value_or(33);
    in_addr address = {};
    std::string host = written.substr(0, slash);
    if (bits > 32 || ::inet_pton(AF_INET, host.c_str(), &address) != 1) return std::nullopt;
    uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
    return Network{host, text(mask >> 24, ".", mask >> 16 & 255, ".", mask >> 8 & 255, ".", mask & 255)};
}

class Conversion {
  public:
    Conversion(const warewulf::File& file, const std::string& name) : file_(file), collected_(name) {}

    Result<Imported> run() {
        for (const auto& [key, value] : file_.tree.entries)
            if (key != "nodeprofiles" && key != "nodes" && key != "WW_INTERNAL")
                collected_.ignore(value.line, text("unknown section '", key, "'"));
        for (const std::string& name : file_.profile_order)
            TRY(add_object("group", name, *file_.profiles.at(name)));
        for (const std::string& name : file_.node_order) {
            const YamlTree& node = *file_.nodes.at(name);
            TRY(add_object("node", name, node));
            settle(collected_.object("node", name, node.line), name, warewulf::chain_of(file_, node));
        }
        return collected_.finish();
    }

  private:
    bool is_4_5() const { return file_.rules == Rules::of_4_5; }

    Result<> add_object(const std::string& noun, const std::string& name, const YamlTree& tree) {
        Object& object = collected_.object(noun, name, tree.line);
        cJSON* fields = object.fields.get();
        add_groups(object, tree);
        TRY(take_all(kKeys, tree, fields, object));
        // Nodes do not inherit it, since 4.7.
        if (std::string comment = warewulf::text_at(tree, "comment"); !comment.empty())
            put(fields, noun == "node" ? "values.comment" : "values.group_comment",
                Json(cJSON_CreateString(comment.c_str())));
        TRY(take_block(kKernelKeys, "kernel", tree, object));
        TRY(take_block(kIpmiKeys, "ipmi", tree, object));
        if (const cJSON* bmc = cJSON_GetObjectItemCaseSensitive(fields, "bmc"); bmc && bmc->child)
            put(fields, "bmc.kind", Json(cJSON_CreateString("ipmi")));
        TRY(take_old_tags(tree, object));
        for (const auto& [device, value] : warewulf::entries_at(tree, "network devices"))
            TRY(take_device(device, value, object));
        return keep_unknown(tree, object);
    }

    /// Profiles that are not described are left out, as Warewulf does.
    void add_groups(Object& object, const YamlTree& tree) {
        Words names = warewulf::named_profiles(file_, tree, object.noun == "node");
        const YamlTree* written = tree.find("profiles");
        size_t line = written ? written->line : tree.line;
        if (is_4_5() && object.noun == "group") {
            if (!names.empty())
                collected_.ignore(line, text(object.title(), ": Warewulf 4.5 ignores profiles of a profile"));
            return;
        }
        for (const std::string& name : names) {
            std::string group = name.starts_with('~') ? name.substr(1) : name;
            if (file_.profiles.contains(group))
                collected_.add_group(object, name);
            else if (written)
                collected_.ignore(line, text(object.title(), ": no profile '", group, "'"));
        }
    }

    template <size_t count>
    Result<> take_all(const Key (&keys)[count], const YamlTree& tree, cJSON* root, const Object& object) {
        for (const Key& key : keys)
            if (const YamlTree* value = tree.find(key.theirs)) TRY(take(key, *value, root, object));
        return {};
    }

    /// The keys of a block, and those before it that Warewulf had in older versions ("ipmi netmask").
    template <size_t count>
    Result<> take_block(const Key (&keys)[count], const std::string& name, const YamlTree& tree,
                        Object& object) {
        cJSON* fields = object.fields.get();
        if (const YamlTree* block = tree.find(name)) {
            if (block->kind != Kind::map && block->kind != Kind::null)
                return collected_.error(block->line, text(object.title(), ": ", name, ": expected a map"));
            TRY(take_all(keys, *block, fields, object));
            for (const auto& [key, value] : block->entries)
                if (!has_key(keys, key)) TRY(keep("values." + name, key, value, fields, object));
        }
        for (const Key& key : keys)
            if (const YamlTree* value = tree.find(text(name, " ", key.theirs)))
                TRY(take(key, *value, fields, object));
        return {};
    }

    Result<> take(const Key& key, const YamlTree& value, cJSON* root, const Object& object) {
        auto wrong = [&](std::string_view expected) {
            return collected_.error(value.line,
                                    text(object.title(), ": ", key.theirs, ": expected ", expected));
        };
        if (key.form == Form::ignored) {
            collected_.ignore(value.line, text(object.title(), ": ", key.theirs, " is obsolete"));
            return {};
        }
        if (key.form == Form::password) {
            collected_.ignore(value.line, text(object.title(), ": the BMC's password is not imported; nodes "
                                                               "and their history show all that they hold"));
            return {};
        }
        if (value.kind == Kind::null) return {};
        if (key.form == Form::list) return take_list(key, value, root, object);
        if (key.form == Form::any) return take_any(key.ours, value, root, object);
        if (value.kind != Kind::scalar) return wrong("one value");
        std::string word = warewulf::text_at(YamlTree{.entries = {{"", value}}}, "");
        if (word.empty()) return {};
        if (key.form == Form::flag) {
            put(root, key.ours, Json(cJSON_CreateBool(warewulf::is_true(word))));
        } else if (key.form == Form::number) {
            std::optional<uint64_t> number = parse_number(word);
            if (!number) return wrong("a number");
            put(root, key.ours, Json(cJSON_CreateNumber(static_cast<double>(*number))));
        } else {
            put(root, key.ours, Json(cJSON_CreateString(word.c_str())));
        }
        return {};
    }

    /// Entries "~WORD" are settled for each node.
    Result<> take_list(const Key& key, const YamlTree& value, cJSON* root, const Object& object) {
        if (value.kind == Kind::map)
            return collected_.error(value.line, text(object.title(), ": ", key.theirs, ": expected a list"));
        bool are_arguments = key.theirs == "args";
        Words words = warewulf::words_of(value, are_arguments ? " \t" : ",");
        std::erase_if(words, [](const std::string& word) { return word.starts_with('~'); });
        if (words.empty()) return {};
        // Of 4.5, one text, which replaces that of a profile.
        put(root, text(key.ours, are_arguments && is_4_5() ? "!" : ""), list_of(words));
        return {};
    }

    Result<> take_any(const std::string& path, const YamlTree& value, cJSON* root, const Object& object) {
        if (value.kind == Kind::null) return {};
        if (const YamlTree* bad = replacing_key(value))
            return collected_.error(bad->line, text(object.title(), ": a key ends with '!'; rename it"));
        put(root, path, to_json(value));
        return {};
    }

    /// "keys" of 4.5 are tags.
    Result<> take_old_tags(const YamlTree& tree, Object& object) {
        const YamlTree* keys = tree.find("keys");
        if (!keys || keys->entries.empty()) return {};
        if (const YamlTree* bad = replacing_key(*keys))
            return collected_.error(bad->line, text(object.title(), ": a key ends with '!'; rename it"));
        cJSON* tags = object_at(object.fields.get(), {"values", "tags"});
        for (const auto& [key, value] : keys->entries)
            if (tags && !cJSON_GetObjectItemCaseSensitive(tags, key.c_str()))
                cJSON_AddItemToObject(tags, key.c_str(), to_json(value).release());
        return {};
    }

    Result<> take_device(const std::string& name, const YamlTree& device, Object& object) {
        if (device.kind != Kind::map && device.kind != Kind::null)
            return collected_.error(device.line,
                                    text(object.title(), ": network device ", name, ": expected a map"));
        cJSON* interface = object_at(object.fields.get(), {"interfaces", name});
        TRY(take_all(kDeviceKeys, device, interface, object));
        if (std::string cidr = warewulf::text_at(device, "ipcidr"); !cidr.empty()) {
            std::optional<Network> network = parse_cidr(cidr);
            if (!network)
                return collected_.error(device.line,
                                        text(object.title(), ": ipcidr: expected ADDRESS/BITS, got ", cidr));
            put(interface, "address", Json(cJSON_CreateString(network->address.c_str())));
            put(interface, "netmask", Json(cJSON_CreateString(network->netmask.c_str())));
        }
        bool is_primary = warewulf::is_true(warewulf::text_at(device, "primary"))
                          || warewulf::is_true(warewulf::text_at(device, "default"));
        if (is_primary)
            put(object.fields.get(), "values.primary_network", Json(cJSON_CreateString(name.c_str())));
        for (const auto& [key, value] : device.entries)
            if (!has_key(kDeviceKeys, key)
                && std::ranges::find(kOtherDeviceKeys, key) == std::end(kOtherDeviceKeys))
                TRY(keep("values", key, value, interface, object, text("interfaces.", name, ".")));
        return {};
    }

    Result<> keep_unknown(const YamlTree& tree, Object& object) {
        for (const auto& [key, value] : tree.entries) {
            bool is_old = key.starts_with("kernel ") && has_key(kKernelKeys, key.substr(7));
            is_old = is_old || (key.starts_with("ipmi ") && has_key(kIpmiKeys, key.substr(5)));
            if (!is_old && !has_key(kKeys, key) && std::ranges::find(kOtherKeys, key) == std::end(kOtherKeys))
                TRY(keep("values", key, value, object.fields.get(), object));
        }
        return {};
    }

    /// An unknown key stays under its name.
    Result<> keep(const std::string& place, const std::string& key, const YamlTree& value, cJSON* root,
                  const Object& object, const std::string& inside = "") {
        if (key.empty() || key.ends_with('!'))
            return collected_.error(value.line, text(object.title(), ": unknown key '", key, "'; remove it"));
        auto [parent, last] = place_of(root, place);
        cJSON* kept = parent ? object_at(parent, {last}) : nullptr;
        if (kept && !cJSON_GetObjectItemCaseSensitive(kept, key.c_str()))
            cJSON_AddItemToObject(kept, key.c_str(), to_json(value).release());
        collected_.ignore(value.line, text(object.title(), ": unknown key '", key, "' is kept as ", inside,
                                           place, ".", key));
        return {};
    }

    /// Says on the node what Warewulf's rules make of its profiles and ours would not.
    void settle(Object& node, const std::string& name, const Chain& chain) {
        cJSON* fields = node.fields.get();
        settle_list(fields, chain, {"runtime overlay"}, {"values"}, "runtime_overlay");
        settle_list(fields, chain, {"system overlay"}, {"values"}, "system_overlay");
        if (!is_4_5()) settle_list(fields, chain, {"kernel", "args"}, {"values", "kernel"}, "arguments");
        settle_primary(fields, chain);
        if (is_4_5()) settle_4_5(fields, name, chain);
    }

    void settle_list(cJSON* fields, const Chain& chain, const Words& theirs,
                     std::initializer_list<std::string_view> place, const std::string& key) {
        warewulf::Sum sum = warewulf::sum_of(chain, theirs);
        if (!sum.has_negation) return;
        cJSON* parent = object_at(fields, place);
        cJSON_DeleteItemFromObjectCaseSensitive(parent, key.c_str());
        cJSON_AddItemToObject(parent, (key + "!").c_str(), list_of(sum.words).release());
    }

    /// Of several devices, the first by name is the primary one where none is named.
    void settle_primary(cJSON* fields, const Chain& chain) {
        std::set<std::string> devices = warewulf::devices_of(chain);
        if (devices.size() < 2) return;
        std::string primary = warewulf::last_text(chain, "primary network");
        for (const std::string& device : devices)
            if (primary.empty() && warewulf::is_true(warewulf::last_of_device(chain, device, "primary")))
                primary = device;
        if (!devices.contains(primary)) primary = *devices.begin();
        put(object_at(fields, {"interfaces", primary}), "primary", Json(cJSON_CreateTrue()));
    }

    /// The defaults of 4.5 that make a difference: a netmask, and the cluster out of the name.
    void settle_4_5(cJSON* fields, const std::string& name, const Chain& chain) {
        cJSON* interface = nullptr;
        cJSON_ArrayForEach(interface, cJSON_GetObjectItemCaseSensitive(fields, "interfaces")) {
            bool has_address = cJSON_GetObjectItemCaseSensitive(interface, "address");
            if (has_address && warewulf::last_of_device(chain, interface->string, "netmask").empty())
                put(interface, "netmask", Json(cJSON_CreateString("255.255.255.0")));
        }
        size_t dot = name.find('.');
        if (dot != std::string::npos && warewulf::last_text(chain, "cluster name").empty())
            put(fields, "values.cluster_name", Json(cJSON_CreateString(name.substr(dot + 1).c_str())));
    }

    const warewulf::File& file_;
    Collected collected_;
};

} // namespace

Result<Imported> import_warewulf(const std::string& contents, const std::string& name) {
    warewulf::File file = TRY(warewulf::read(contents, name));
    return Conversion(file, name).run();
}

} // namespace mangrove::head
