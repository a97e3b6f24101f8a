#include "head/import/yaml_tree.h"

#include <algorithm>
#include <set>
#include <yaml-cpp/yaml.h>

#include "head/host/yaml.h"

namespace mangrove::head {

namespace {

using Kind = YamlTree::Kind;

constexpr size_t kMaxDepth = 100;
constexpr size_t kMaxParts = 3'000'000; ///< after aliases were resolved

class Reader {
  public:
    explicit Reader(const std::string& file) : file_(file) {}

    Result<YamlTree> read(const YAML::Node& node, size_t depth) {
        YamlTree tree{.line = static_cast<size_t>(node.Mark().line + 1)};
        if (depth > kMaxDepth) return error(tree, "lists and maps are nested too deeply");
        if (++parts_ > kMaxParts) return error(tree, "the file is too large with its aliases resolved");
        if (node.IsScalar()) {
            tree.kind = Kind::scalar;
            tree.text = node.Scalar();
            tree.is_quoted = node.Tag() == "!";
            if (tree.text.contains('\0')) return error(tree, "a NUL byte in a text; remove it");
        } else if (node.IsSequence()) {
            tree.kind = Kind::list;
            for (const YAML::Node& item : node)
                tree.items.push_back(TRY(read(item, depth + 1)));
        } else if (node.IsMap()) {
            tree.kind = Kind::map;
            TRY(read_entries(node, depth, tree));
        }
        return tree;
    }

  private:
    std::unexpected<Error> error(const YamlTree& tree, std::string_view problem) const {
        return permanent_error(file_, ":", tree.line, ": ", problem);
    }

    Result<> read_entries(const YAML::Node& node, size_t depth, YamlTree& map) {
        std::set<std::string> names;
        std::vector<YamlTree> merged;
        for (const auto& entry : node) {
            YamlTree key = TRY(read(entry.first, depth + 1));
            YamlTree value = TRY(read(entry.second, depth + 1));
            if (key.kind != Kind::scalar) return error(key, "expected a text as key");
            if (key.text == "<<" && !key.is_quoted) {
                if (value.kind == Kind::list)
                    std::ranges::move(value.items, std::back_inserter(merged));
                else
                    merged.push_back(std::move(value));
                continue;
            }
            if (!names.insert(key.text).second)
                return error(key, text("'", key.text, "' is there twice; remove one of them"));
            map.entries.emplace_back(key.text, std::move(value));
        }
        for (YamlTree& one : merged)
            for (auto& [name, value] : one.entries)
                if (names.insert(name).second) map.entries.emplace_back(name, std::move(value));
        return {};
    }

    const std::string& file_;
    size_t parts_ = 0;
};

std::string tidy(std::string_view problem) {
    std::string plain(problem.substr(0, 200));
    std::ranges::replace_if(
        plain, [](unsigned char letter) { return letter < ' ' || letter > '~'; }, '?');
    return plain;
}

} // namespace

const YamlTree* YamlTree::find(std::string_view key) const {
    auto found = std::ranges::find(entries, key, &std::pair<std::string, YamlTree>::first);
    return found == entries.end() ? nullptr : &found->second;
}

Result<YamlTree> parse_yaml_tree(const std::string& contents, const std::string& file) {
    try {
        return Reader(file).read(YAML::Load(contents), 0);
    } catch (const YAML::Exception& problem) {
        return permanent_error(file, ":", problem.mark.line + 1, ": invalid YAML: ", tidy(problem.msg));
    } catch (const std::exception& problem) {
        return permanent_error(file, ": invalid YAML: ", tidy(problem.what()));
    }
}

Json to_json(const YamlTree& tree) {
    switch (tree.kind) {
    case Kind::scalar:
        return tree.is_quoted ? Json(cJSON_CreateString(tree.text.c_str())) : plain_value(tree.text);
    case Kind::list: {
        Json list(cJSON_CreateArray());
        for (const YamlTree& item : tree.items)
            cJSON_AddItemToArray(list.get(), to_json(item).release());
        return list;
    }
    case Kind::map: {
        Json map = make_json_object();
        for (const auto& [key, value] : tree.entries)
            cJSON_AddItemToObject(map.get(), key.c_str(), to_json(value).release());
        return map;
    }
    default:
        return Json(cJSON_CreateNull());
    }
}

} // namespace mangrove::head
