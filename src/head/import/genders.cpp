/// genders(5): "NODES ATTRIBUTE[=VALUE],…". An attribute without a value is a group, one with a value is a
/// value of the node.

#include "head/host/json.h"
#include "head/import/collected.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";

/// "%n" is the node's name, "%%" a percent sign.
std::string substituted(std::string_view value, const std::string& node) {
    std::string out;
    for (size_t i = 0; i < value.size(); ++i) {
        char next = value[i] == '%' && i + 1 < value.size() ? value[i + 1] : '\0';
        if (next == 'n') out += node;
        if (next == '%') out += '%';
        if (next == 'n' || next == '%')
            ++i;
        else
            out += value[i];
    }
    return out;
}

Result<> add_attribute(Collected& collected, Object& node, const std::string& attribute, size_t line) {
    size_t equals = attribute.find('=');
    std::string name = attribute.substr(0, equals);
    if (name.empty()) return collected.error(line, text("an attribute has no name: '", attribute, "'"));
    if (equals == std::string::npos) {
        collected.add_group(node, name);
        return {};
    }
    cJSON* values = object_at(node.fields.get(), {"values"});
    if (cJSON_GetObjectItemCaseSensitive(values, name.c_str()))
        return collected.error(line, text("node ", node.name, " has the attribute '", name, "' twice"));
    add_text(values, name.c_str(), substituted(attribute.substr(equals + 1), node.name));
    return {};
}

Result<> add_line(Collected& collected, const std::string& written, size_t line) {
    std::string_view rest = trim(std::string_view(written).substr(0, written.find('#')));
    if (rest.empty()) return {};
    size_t end = std::min(rest.find_first_of(kBlanks), rest.size());
    std::string attributes(trim(rest.substr(end)));
    if (attributes.find_first_of(kBlanks) != std::string::npos)
        return collected.error(line, "a blank between attributes; separate them with commas alone");
    Result<std::vector<std::string>> nodes =
        expand_nodes(rest.substr(0, end), [](std::string_view operand) -> Result<std::vector<std::string>> {
            return permanent_error("'", operand, "' is no node");
        });
    if (!nodes) return collected.error(line, nodes.error().what);
    for (const std::string& name : *nodes) {
        Object& node = collected.object("node", name, line);
        for (const std::string& attribute : split(attributes, ','))
            if (!attribute.empty()) TRY(add_attribute(collected, node, attribute, line));
    }
    return {};
}

} // namespace

Result<Imported> import_genders(const std::string& contents, const std::string& file) {
    Collected collected(file);
    size_t number = 0;
    for (const std::string& line : lines_of(contents))
        TRY(add_line(collected, line, ++number));
    return collected.finish();
}

} // namespace mangrove::head
