/// yaml-cpp reports through exceptions; none leaves this file.

#include "head/host/yaml.h"

#include <set>
#include <yaml-cpp/yaml.h>

#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr size_t kMaxValues = 2'000'000; ///< of one document, after its aliases are replaced
constexpr size_t kMaxDepth = 200;
constexpr std::string_view kQuoted = "!"; ///< the tag that yaml-cpp gives to quoted scalars
constexpr std::string_view kPlain = "?";

class Conversion {
  public:
    explicit Conversion(std::string_view origin) : origin_(origin) {}

    Result<Json> value_of(const YAML::Node& node, size_t depth = 0) {
        if (++values_ > kMaxValues || depth > kMaxDepth)
            return error_at(node, "too many or too deeply nested values");
        switch (node.Type()) {
        case YAML::NodeType::Sequence:
            return sequence(node, depth);
        case YAML::NodeType::Map:
            return map(node, depth);
        case YAML::NodeType::Scalar:
            return scalar(node);
        default:
            return Json(cJSON_CreateNull());
        }
    }

  private:
    template <typename... Words>
    std::unexpected<Error> error_at(const YAML::Node& node, const Words&... words) const {
        return permanent_error(origin_, ":", node.Mark().line + 1, ": ", words...);
    }

    Result<Json> scalar(const YAML::Node& node) const {
        if (node.Tag() == kQuoted || node.Tag().ends_with(":str"))
            return Json(cJSON_CreateString(TRY(text_of(node)).c_str()));
        if (node.Tag() != kPlain && !node.Tag().empty())
            return error_at(node, "unsupported tag '", node.Tag(), "'; remove it");
        return plain_value(TRY(text_of(node)));
    }

    /// Of a scalar; texts of JSON end at a NUL here.
    Result<std::string> text_of(const YAML::Node& node) const {
        if (node.Scalar().find('\0') != std::string::npos)
            return error_at(node, "a NUL byte in a text; remove it");
        return node.Scalar();
    }

    Result<Json> sequence(const YAML::Node& node, size_t depth) {
        Json array(cJSON_CreateArray());
        for (const YAML::Node& element : node)
            cJSON_AddItemToArray(array.get(), TRY(value_of(element, depth + 1)).release());
        return array;
    }

    Result<Json> map(const YAML::Node& node, size_t depth) {
        Json object = make_json_object();
        std::set<std::string> keys;
        for (const auto& member : node) {
            if (!member.first.IsScalar() && !member.first.IsNull())
                return error_at(member.first, "a key is no text; quote it");
            std::string key = member.first.IsNull() ? "" : TRY(text_of(member.first));
            if (key == "<<") return error_at(member.first, "merge keys (<<) are not supported");
            if (!keys.insert(key).second) return error_at(member.first, "the key '", key, "' occurs twice");
            Json value = TRY(value_of(member.second, depth + 1));
            cJSON_AddItemToObject(object.get(), key.c_str(), value.release());
        }
        return object;
    }

    std::string_view origin_;
    size_t values_ = 0;
};

bool is_number(const std::string& word) {
    if (word.empty() || (word[0] != '-' && (word[0] < '0' || word[0] > '9'))) return false;
    Json json(cJSON_ParseWithOpts(word.c_str(), nullptr, true));
    return json && cJSON_IsNumber(json.get()) && print_json(json) == word;
}

std::string json_text(const std::string& word) {
    return print_json(Json(cJSON_CreateString(word.c_str())));
}

/// Quotes what would be read as anything but this text.
std::string yaml_text(const std::string& word) {
    constexpr std::string_view kSafe =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:+-=@~ ";
    bool is_plain = !word.empty() && word.find_first_not_of(kSafe) == std::string::npos
                    && word.find(": ") == std::string::npos && word.back() != ':' && word.back() != ' '
                    && std::string_view(" -:=@~").find(word[0]) == std::string_view::npos
                    && cJSON_IsString(plain_value(word).get());
    // Other readers of YAML take these as booleans, and numbers with leading zeros or colons as numbers.
    static const std::set<std::string> kBooleans = {"y",   "n",    "yes",   "no",  "on",
                                                    "off", "true", "false", "null"};
    bool is_number_elsewhere = word.find_first_not_of("0123456789.:_+-eExXoabcdefABCDEF") == std::string::npos
                               && word.find_first_of("0123456789") == 0;
    return is_plain && !kBooleans.contains(lower_case(word)) && !is_number_elsewhere ? word : json_text(word);
}

bool is_block(const cJSON* json) {
    return (cJSON_IsObject(json) || cJSON_IsArray(json)) && json->child;
}

std::string inline_text(const cJSON* json) {
    if (cJSON_IsString(json)) return yaml_text(json->valuestring);
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_PrintUnformatted(json), cJSON_free);
    return printed.get();
}

/// Appends a collection, each line after `indent`; the first without, where it follows a dash.
void append_block(std::string& out, const cJSON* json, const std::string& indent, bool follows_dash) {
    bool is_first = follows_dash;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, json) {
        if (!is_first) out += indent;
        is_first = false;
        out += cJSON_IsObject(json) ? yaml_text(item->string) + ":" : "-";
        if (!is_block(item)) {
            out += " " + inline_text(item) + "\n";
        } else if (cJSON_IsObject(json)) {
            out += "\n";
            append_block(out, item, indent + "  ", false);
        } else {
            out += " ";
            append_block(out, item, indent + "  ", true);
        }
    }
}

} // namespace

Result<Json> parse_yaml(const std::string& text, std::string_view origin) {
    try {
        std::vector<YAML::Node> documents = YAML::LoadAll(text);
        if (documents.size() > 1)
            return permanent_error(origin, ":", documents[1].Mark().line + 1,
                                   ": a second document; put it into another file");
        return Conversion(origin).value_of(documents.empty() ? YAML::Node() : documents[0]);
    } catch (const YAML::Exception& problem) {
        return permanent_error(origin, ":", problem.mark.line + 1, ": ", problem.msg);
    } catch (const std::exception& problem) {
        return permanent_error(origin, ": not YAML: ", problem.what());
    }
}

Json plain_value(const std::string& word) {
    if (word.empty() || word == "~" || word == "null") return Json(cJSON_CreateNull());
    if (word == "true" || word == "false") return Json(cJSON_CreateBool(word == "true"));
    if (is_number(word)) return Json(cJSON_Parse(word.c_str()));
    return Json(cJSON_CreateString(word.c_str()));
}

std::string to_yaml(const cJSON* json) {
    if (!is_block(json)) return inline_text(json) + "\n";
    std::string out;
    append_block(out, json, "", false);
    return out;
}

} // namespace mangrove::head
