/// Nodes in lines: the first one names the fields, by the names that spreadsheets have for them or as paths
/// of a node ("interfaces.ib0.address", "values.rack").

#include <algorithm>

#include "head/host/yaml.h"
#include "head/import/collected.h"
#include "head/import/csv_table.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kName = "name";
constexpr std::string_view kSeparatorsInCell = " \t\r\n,;|";

struct Alias {
    std::string_view written;
    std::string_view path;
};

constexpr Alias kAliases[] = {
    {"node", kName},
    {"host", kName},
    {"hostname", kName},
    {"mac", "macs"},
    {"mac address", "macs"},
    {"hwaddr", "macs"},
    {"group", "groups"},
    {"profile", "groups"},
    {"profiles", "groups"},
    {"address", "interfaces.default.address"},
    {"ip", "interfaces.default.address"},
    {"ip address", "interfaces.default.address"},
    {"ipaddr", "interfaces.default.address"},
    {"address6", "interfaces.default.address6"},
    {"netmask", "interfaces.default.netmask"},
    {"gateway", "interfaces.default.gateway"},
    {"mtu", "interfaces.default.mtu"},
    {"device", "interfaces.default.device"},
    {"bmc", "bmc.address"},
    {"bmc address", "bmc.address"},
    {"bmc user", "bmc.user"},
    {"bmc secret", "bmc.secret"},
    {"bmc kind", "bmc.kind"},
};

struct Column {
    std::string path;
    FieldType type = FieldType::text;
};

/// Any case, and '_' for a blank.
std::string path_of_header(const std::string& header) {
    std::string plain = lower_case(header);
    std::ranges::replace(plain, '_', ' ');
    const auto* alias = std::ranges::find(kAliases, plain, &Alias::written);
    if (alias != std::end(kAliases)) return std::string(alias->path);
    return plain == kName || plain == "macs" || plain == "groups" || plain == "uuid" ? plain : header;
}

Result<std::vector<Column>> columns_of(const CsvRow& header, const Collected& collected) {
    std::vector<Column> columns;
    for (const std::string& cell : header.cells) {
        Column column{path_of_header(cell)};
        if (!cell.empty() && column.path != kName) {
            Result<FieldType> type = field_type("node", column.path);
            if (!type)
                return collected.error(header.line,
                                       text(type.error().what, "; values.", cell, " keeps any other column"));
            column.type = *type;
            if (column.type == FieldType::object || column.path == "values")
                return collected.error(header.line, text("'", cell, "' names several fields; name one"));
        }
        if (!cell.empty() && std::ranges::find(columns, column.path, &Column::path) != columns.end())
            return collected.error(header.line, text("two columns are ", column.path));
        columns.push_back(std::move(column));
    }
    if (std::ranges::find(columns, kName, &Column::path) == columns.end())
        return collected.error(header.line, "no column 'name'; the first line names the fields of a node");
    return columns;
}

std::vector<std::string> words_in(std::string_view cell) {
    std::vector<std::string> words;
    while (!cell.empty()) {
        size_t end = std::min(cell.find_first_of(kSeparatorsInCell), cell.size());
        if (end > 0) words.emplace_back(cell.substr(0, end));
        cell.remove_prefix(std::min(end + 1, cell.size()));
    }
    return words;
}

Json json_of(const Column& column, const std::string& cell) {
    std::string word = lower_case(cell);
    if (column.type == FieldType::any) return plain_value(cell);
    if (column.type == FieldType::number) {
        std::optional<uint64_t> number = parse_number(cell);
        if (number) return Json(cJSON_CreateNumber(static_cast<double>(*number)));
    }
    if (column.type == FieldType::flag && (word == "true" || word == "yes" || word == "1"))
        return Json(cJSON_CreateTrue());
    if (column.type == FieldType::flag && (word == "false" || word == "no" || word == "0"))
        return Json(cJSON_CreateFalse());
    return Json(cJSON_CreateString(cell.c_str()));
}

Result<> put_cell(Collected& collected, Object& node, const Column& column, const std::string& cell,
                  size_t line) {
    if (column.path == "groups") {
        for (const std::string& group : words_in(cell))
            collected.add_group(node, group);
    } else if (column.path == "macs") {
        for (const std::string& mac : words_in(cell))
            collected.add_mac(node, mac);
    } else {
        std::vector<std::string> keys = split(column.path, '.');
        cJSON* place = node.fields.get();
        for (size_t i = 0; place && i + 1 < keys.size(); ++i)
            place = object_at(place, {keys[i]});
        if (!place || cJSON_GetObjectItemCaseSensitive(place, keys.back().c_str()))
            return collected.error(line, text("the column ", column.path, " and another one are one field"));
        cJSON_AddItemToObject(place, keys.back().c_str(), json_of(column, cell).release());
    }
    return {};
}

Result<> add_row(Collected& collected, const std::vector<Column>& columns, const CsvRow& row) {
    auto name_column = std::ranges::find(columns, kName, &Column::path); // columns_of found it
    auto name_at = static_cast<size_t>(name_column - columns.begin());
    std::string name = name_at < row.cells.size() ? row.cells[name_at] : "";
    if (name.empty()) return collected.error(row.line, "the node has no name");
    if (collected.has("node", name)) return collected.error(row.line, text("node ", name, " is there twice"));
    Object& node = collected.object("node", name, row.line);
    for (size_t i = 0; i < row.cells.size(); ++i) {
        if (i == name_at || row.cells[i].empty()) continue;
        if (i >= columns.size() || columns[i].path.empty())
            return collected.error(row.line, text("'", row.cells[i], "' is in a column without a name"));
        TRY(put_cell(collected, node, columns[i], row.cells[i], row.line));
    }
    return {};
}

} // namespace

Result<Imported> import_csv(const std::string& contents, const std::string& file) {
    Collected collected(file);
    std::string_view rest = contents;
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    char separator = separator_of(rest);
    std::vector<CsvRow> rows = TRY(parse_csv(rest, separator, file));
    std::erase_if(rows, [](const CsvRow& row) { return row.cells[0].starts_with('#'); });
    if (rows.empty()) return collected.error(1, "no header; the first line names the fields of a node");
    if (separator != ',')
        collected.ignore(rows[0].line,
                         text("fields are taken as separated by ", separator == ';' ? "';'" : "tabs"));
    std::vector<Column> columns = TRY(columns_of(rows[0], collected));
    for (size_t i = 1; i < rows.size(); ++i)
        TRY(add_row(collected, columns, rows[i]));
    return collected.finish();
}

} // namespace mangrove::head
