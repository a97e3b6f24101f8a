#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "head/import/yaml_tree.h"

/// nodes.conf as Warewulf reads it: which profiles a node has, and how their lists add up.
namespace mangrove::head::warewulf {

using Words = std::vector<std::string>;

/// 4.5: profiles have no profiles, a node without any has "default", kernel arguments replace those of
/// profiles. 4.6 and 4.7: all of this nests and appends.
enum class Rules { of_4_5, of_4_6 };

struct File {
    YamlTree tree;
    Rules rules = Rules::of_4_6;
    std::map<std::string, const YamlTree*> profiles = {};
    std::map<std::string, const YamlTree*> nodes = {};
    Words profile_order = {}; ///< as in the file
    Words node_order = {};
};

/// The map at a key; nothing where it is missing, null or no map.
const std::vector<std::pair<std::string, YamlTree>>& entries_at(const YamlTree& object, std::string_view key);
/// The text at a key; empty where it is missing or one of the words by which Warewulf unsets a field.
std::string text_at(const YamlTree& object, std::string_view key);
/// The texts of a list, or those of one text with `separator` between them.
Words words_of(const YamlTree& value, std::string_view separators);
/// "true", "yes", "1" and their like.
bool is_true(const std::string& word);

Result<File> read(const std::string& contents, const std::string& file);

/// The profiles that an object names itself.
Words named_profiles(const File& file, const YamlTree& object, bool is_node);
/// The profiles of a node in the order in which they are merged, and the node at the end.
std::vector<const YamlTree*> chain_of(const File& file, const YamlTree& node);
/// Adds a list up over a chain: an entry "~WORD" takes WORD out.
struct Sum {
    Words words;
    bool has_negation = false;
};
Sum sum_of(const std::vector<const YamlTree*>& chain, const std::vector<std::string>& path);
/// Words without those that an entry "~WORD" names.
Words without_negated(const Words& words);
/// The last text in a chain.
std::string last_text(const std::vector<const YamlTree*>& chain, std::string_view key);
/// The names of all network devices in a chain, sorted.
std::set<std::string> devices_of(const std::vector<const YamlTree*>& chain);
/// The last text of one network device in a chain.
std::string last_of_device(const std::vector<const YamlTree*>& chain, const std::string& device,
                           std::string_view key);

} // namespace mangrove::head::warewulf
