#include <algorithm>
#include <cctype>
#include <map>

#include "head/configure/configure.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

/// Only a comment: slurm.conf may have one already, and a second one would be an error.
constexpr const char* kRebootProgram =
    "# For mangrovectl rollout start --drain slurm, write RebootProgram=/usr/sbin/reboot in slurm.conf.\n";

/// Nodes with the same parameters, on one line.
struct NodeLine {
    Words names;
    Words addresses; ///< as many, or none
};

struct Partition {
    std::string parameters;
    Words nodes;
};

bool is_letter(unsigned char character) {
    return std::isalpha(character) != 0;
}

bool is_reserved(const std::string& key) {
    const Words kWrittenByItself = {"nodename", "nodes", "partitionname", "include"};
    return std::ranges::find(kWrittenByItself, lower_case(key)) != kWrittenByItself.end();
}

/// Returns a scalar as slurm.conf has it.
std::optional<std::string> scalar_text(const cJSON* value) {
    if (cJSON_IsString(value)) return value->valuestring;
    if (cJSON_IsNumber(value)) return one_line(value);
    if (cJSON_IsBool(value)) return cJSON_IsTrue(value) ? "YES" : "NO";
    return std::nullopt;
}

/// Returns the text of a scalar, or those of a list. Nothing where one is neither.
std::optional<Words> scalar_texts(const cJSON* value) {
    Words words;
    const cJSON* item = cJSON_IsArray(value) ? value->child : value;
    for (; item; item = cJSON_IsArray(value) ? item->next : nullptr) {
        std::optional<std::string> word = scalar_text(item);
        if (!word) return std::nullopt;
        words.push_back(std::move(*word));
    }
    return words;
}

Result<std::string> value_text(const cJSON* value, const std::string& path) {
    std::optional<Words> words = scalar_texts(value);
    if (!words) return permanent_error(path, ": expected a text, a number, a boolean or a list of them");
    std::string written = join(*words, ",");
    bool is_plain = std::ranges::all_of(written, [](unsigned char character) {
        return std::isprint(character) != 0
               && std::string_view("\"#\\").find(static_cast<char>(character)) == std::string::npos;
    });
    if (written.empty() || !is_plain)
        return permanent_error(path, ": ", quoted_name(written),
                               " is empty or has a character that slurm.conf does not take");
    return written.contains(' ') ? "\"" + written + "\"" : written;
}

/// Returns "CPUs=4 Gres=gpu:2", by the keys.
Result<std::string> parameters_of(const cJSON* object, const std::string& path) {
    if (!cJSON_IsObject(object)) return permanent_error(path, ": expected an object");
    std::map<std::string, std::string> parameters;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, object) {
        std::string key = item->string;
        std::string at = join_path(path, key);
        if (!std::ranges::all_of(key, is_letter))
            return permanent_error(at, ": use a parameter of slurm.conf(5), which has letters alone");
        if (is_reserved(key)) return permanent_error(at, ": it is written by itself; remove it");
        parameters[key] = TRY(value_text(item, at));
    }
    std::string written;
    for (const auto& [key, value] : parameters)
        written += text(" ", key, "=", value);
    return written;
}

/// The digits at the end of a word, and what is before them.
std::pair<std::string, std::string> split_number(const std::string& word) {
    constexpr size_t kMostDigits = 9;
    size_t begin = word.find_last_not_of("0123456789") + 1;
    begin = std::max(begin, word.size() - std::min(word.size(), kMostDigits));
    return {word.substr(0, begin), word.substr(begin)};
}

bool continues(const std::string& first, const std::string& number, const std::string& next) {
    bool is_padded = first.size() > 1 && first[0] == '0';
    return parse_number(number).value_or(0) + 1 == parse_number(next).value_or(0)
           && (is_padded ? number.size() == next.size() : !next.starts_with('0'));
}

/// Returns the range that begins at a word, "001-010", and moves past it.
std::string take_range(const Words& words, size_t& at) {
    auto [prefix, first] = split_number(words[at]);
    std::string last = first;
    for (++at; at < words.size(); ++at) {
        auto [next_prefix, next] = split_number(words[at]);
        if (next_prefix != prefix || !continues(first, last, next)) break;
        last = next;
    }
    return first == last ? first : text(first, "-", last);
}

/// Returns "n[001-010],x", which Slurm expands in the same order. It takes brackets at the end of a word
/// alone.
std::string fold_in_order(const Words& words) {
    Words folded;
    for (size_t at = 0; at < words.size();) {
        size_t begin = at;
        auto [prefix, number] = split_number(words[at]);
        Words ranges;
        while (at < words.size() && !number.empty() && split_number(words[at]).first == prefix
               && !split_number(words[at]).second.empty())
            ranges.push_back(take_range(words, at));
        if (number.empty()) ++at;
        folded.push_back(at == begin + 1 ? words[begin] : text(prefix, "[", join(ranges, ","), "]"));
    }
    return join(folded, ",");
}

Json take_member(cJSON* object, const char* key) {
    return Json(cJSON_DetachItemFromObjectCaseSensitive(object, key));
}

Result<std::string> address_of(const Machine& machine, const cJSON* written, const std::string& path) {
    if (!written) return machine.ports.empty() ? std::string() : machine.ports[0].address;
    std::string address = cJSON_IsString(written) ? written->valuestring : "";
    bool is_one = !address.empty() && std::ranges::all_of(address, [](unsigned char character) {
        return std::isalnum(character) != 0
               || std::string_view(".:_-").contains(static_cast<char>(character));
    });
    if (!is_one) return permanent_error(path, ".NodeAddr: expected one address, got ", quoted_name(address));
    return address;
}

class Writer {
  public:
    Result<> add(const Machine& machine) {
        TRY(check_name("node", machine.name));
        if (machine.slurm.empty()) return {};
        std::string path = text("node ", machine.name, ": values.slurm");
        if (lower_case(machine.name) == "default")
            return permanent_error("node ", machine.name, ": Slurm takes the name for all nodes; rename it");
        Json slurm = TRY(parse_json(machine.slurm, path));
        Json partitions = take_member(slurm.get(), "partitions");
        Json address_written = take_member(slurm.get(), "NodeAddr");
        std::string parameters = TRY(parameters_of(slurm.get(), path));
        std::string address = TRY(address_of(machine, address_written.get(), path));
        NodeLine& line = line_with(parameters, !address.empty());
        line.names.push_back(machine.name);
        if (!address.empty()) line.addresses.push_back(address);
        const cJSON* partition = nullptr;
        cJSON_ArrayForEach(partition, partitions.get())
            TRY(add_partition(machine.name, partition, text(path, ".partitions.", partition->string)));
        return {};
    }

    std::string finish() const {
        std::string lines = configuration_header("#", "slurm") + kRebootProgram;
        for (const auto& [parameters, line] : lines_)
            lines += text("NodeName=", fold_in_order(line.names),
                          line.addresses.empty() ? "" : " NodeAddr=" + fold_in_order(line.addresses),
                          parameters, "\n");
        for (const auto& [name, partition] : partitions_)
            lines += text("PartitionName=", name, " Nodes=", fold_in_order(partition.nodes),
                          partition.parameters, "\n");
        return lines;
    }

  private:
    /// Lines are in the order of their first nodes.
    NodeLine& line_with(const std::string& parameters, bool has_address) {
        auto found = std::ranges::find_if(lines_, [&](const auto& one) {
            return one.first == parameters && one.second.addresses.empty() != has_address;
        });
        return found != lines_.end() ? found->second : lines_.emplace_back(parameters, NodeLine()).second;
    }

    Result<> add_partition(const std::string& node, const cJSON* object, const std::string& path) {
        std::string name = object->string;
        TRY(check_name("partition", name), path);
        if (lower_case(name) == "default")
            return permanent_error(path, ": the name means all partitions; choose another");
        std::string parameters = TRY(parameters_of(object, path));
        auto [found, is_new] = partitions_.try_emplace(name, parameters);
        if (found->second.parameters != parameters)
            return permanent_error("node ", found->second.nodes[0], " and node ", node,
                                   ": values.slurm.partitions.", name, " differs,", found->second.parameters,
                                   " and", parameters, "; give it in one group");
        found->second.nodes.push_back(node);
        return {};
    }

    std::vector<std::pair<std::string, NodeLine>> lines_; ///< by their parameters
    std::map<std::string, Partition> partitions_;
};

} // namespace

Result<std::string> write_slurm(const std::vector<Machine>& machines) {
    Writer writer;
    for (const Machine& machine : machines)
        TRY(writer.add(machine));
    return writer.finish();
}

} // namespace mangrove::head
