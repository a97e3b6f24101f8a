#include "head/import/warewulf_file.h"

#include <algorithm>

namespace mangrove::head::warewulf {

namespace {

using Chain = std::vector<const YamlTree*>;

/// Keys that only Warewulf 4.5 and its predecessors wrote.
constexpr std::string_view kKeysOf45[] = {
    "container name", "kernel args",   "kernel override", "kernel version", "keys",           "ipmi ipaddr",
    "ipmi username",  "ipmi password", "ipmi netmask",    "ipmi gateway",   "ipmi interface", "ipmi write"};

bool is_of_4_5(const YamlTree& object) {
    if (std::ranges::any_of(kKeysOf45, [&](std::string_view key) { return object.find(key); })) return true;
    const YamlTree* kernel = object.find("kernel");
    const YamlTree* arguments = kernel ? kernel->find("args") : nullptr;
    return (kernel && kernel->find("override")) || (arguments && arguments->kind == YamlTree::Kind::scalar);
}

Rules rules_of(const YamlTree& root) {
    if (root.find("WW_INTERNAL")) return Rules::of_4_5;
    for (const char* section : {"nodeprofiles", "nodes"})
        for (const auto& [name, object] : entries_at(root, section))
            if (is_of_4_5(object)) return Rules::of_4_5;
    return Rules::of_4_6;
}

bool is_object(const YamlTree& tree) {
    return tree.kind == YamlTree::Kind::map || tree.kind == YamlTree::Kind::null;
}

Result<> index_section(const File& file, const std::string& name, std::string_view section,
                       std::map<std::string, const YamlTree*>& index, Words& order) {
    const YamlTree* found = file.tree.find(section);
    if (!found) return {};
    if (!is_object(*found))
        return permanent_error(name, ":", found->line, ": ", section, ": expected a map of names");
    for (const auto& [key, object] : found->entries) {
        if (!is_object(object))
            return permanent_error(name, ":", object.line, ": ", section, ".", key,
                                   ": expected a map of fields");
        index[key] = &object;
        order.push_back(key);
    }
    return {};
}

class Expansion {
  public:
    explicit Expansion(const File& file) : file_(file) {}

    void add(const Words& names) {
        for (const std::string& name : names) {
            if (name.starts_with('~')) {
                expanded.push_back(name);
            } else if (visited_.insert(name).second) {
                auto profile = file_.profiles.find(name);
                if (profile != file_.profiles.end() && file_.rules != Rules::of_4_5)
                    add(named_profiles(file_, *profile->second, false));
                expanded.push_back(name);
            }
        }
    }

    Words expanded;

  private:
    const File& file_;
    std::set<std::string> visited_;
};

} // namespace

const std::vector<std::pair<std::string, YamlTree>>& entries_at(const YamlTree& object,
                                                                std::string_view key) {
    static const std::vector<std::pair<std::string, YamlTree>> kNone;
    const YamlTree* found = object.find(key);
    return found ? found->entries : kNone;
}

std::string text_at(const YamlTree& object, std::string_view key) {
    const YamlTree* found = object.find(key);
    if (!found || found->kind != YamlTree::Kind::scalar) return "";
    std::string word(trim(found->text));
    bool is_unset = word == "UNSET" || word == "UNDEF" || word == "DELETE" || word == "--";
    return is_unset ? "" : word;
}

Words words_of(const YamlTree& value, std::string_view separators) {
    Words words;
    for (const YamlTree& item : value.items)
        if (item.kind == YamlTree::Kind::scalar && !trim(item.text).empty())
            words.emplace_back(trim(item.text));
    std::string_view rest = value.text;
    while (!rest.empty()) {
        size_t end = std::min(rest.find_first_of(separators), rest.size());
        if (std::string_view word = trim(rest.substr(0, end)); !word.empty()) words.emplace_back(word);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return words;
}

bool is_true(const std::string& word) {
    std::string lower = lower_case(word);
    return lower == "true" || lower == "yes" || lower == "1" || lower == "t" || lower == "on";
}

Result<File> read(const std::string& contents, const std::string& name) {
    File file{.tree = TRY(parse_yaml_tree(contents, name))};
    if (!is_object(file.tree))
        return permanent_error(name,
                               ":1: expected a map with nodeprofiles and nodes, as nodes.conf has them");
    file.rules = rules_of(file.tree);
    TRY(index_section(file, name, "nodeprofiles", file.profiles, file.profile_order));
    TRY(index_section(file, name, "nodes", file.nodes, file.node_order));
    return file;
}

Words named_profiles(const File& file, const YamlTree& object, bool is_node) {
    const YamlTree* profiles = object.find("profiles");
    Words names = profiles ? words_of(*profiles, ",") : Words();
    if (names.empty() && is_node && file.rules == Rules::of_4_5) names.emplace_back("default");
    return names;
}

Chain chain_of(const File& file, const YamlTree& node) {
    Expansion expansion(file);
    expansion.add(named_profiles(file, node, true));
    Chain chain;
    for (const std::string& name : without_negated(expansion.expanded))
        if (auto profile = file.profiles.find(name); profile != file.profiles.end())
            chain.push_back(profile->second);
    chain.push_back(&node);
    return chain;
}

Words without_negated(const Words& words) {
    Words left;
    for (const std::string& word : words)
        if (!word.starts_with('~') && std::ranges::find(words, "~" + word) == words.end())
            left.push_back(word);
    return left;
}

Sum sum_of(const Chain& chain, const Words& path) {
    Words all;
    for (const YamlTree* object : chain) {
        for (const std::string& key : path)
            object = object ? object->find(key) : nullptr;
        if (object) std::ranges::move(words_of(*object, ","), std::back_inserter(all));
    }
    bool has_negation =
        std::ranges::any_of(all, [](const std::string& word) { return word.starts_with('~'); });
    return {without_negated(all), has_negation};
}

std::string last_text(const Chain& chain, std::string_view key) {
    std::string last;
    for (const YamlTree* object : chain)
        if (std::string word = text_at(*object, key); !word.empty()) last = std::move(word);
    return last;
}

std::set<std::string> devices_of(const Chain& chain) {
    std::set<std::string> names;
    for (const YamlTree* object : chain)
        for (const auto& [name, device] : entries_at(*object, "network devices"))
            names.insert(name);
    return names;
}

std::string last_of_device(const Chain& chain, const std::string& device, std::string_view key) {
    Chain devices;
    for (const YamlTree* object : chain)
        if (const YamlTree* all = object->find("network devices"))
            if (const YamlTree* one = all->find(device)) devices.push_back(one);
    return last_text(devices, key);
}

} // namespace mangrove::head::warewulf
