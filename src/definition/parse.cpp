#include "definition/parse.h"

#include <algorithm>

#include "base/log.h"
#include "base/placeholders.h"
#include "base/utc_time.h"
#include "definition/kinds.h"

namespace mangrove::definition {

namespace {

constexpr size_t kMaximumSize = 1 << 20;

/// Splits like a shell: blanks separate, quotes and backslashes keep.
std::vector<std::string> split_command(Reader& reader, const std::string& line) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = '\0';
    for (size_t i = 0; i < line.size(); ++i) {
        char c = line[i];
        bool escapes = c == '\\' && quote != '\'' && i + 1 < line.size();
        if (escapes) {
            word += line[++i];
            in_word = true;
        } else if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                word += c;
        } else if (c == '"' || c == '\'') {
            quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (in_word) words.push_back(std::move(word));
            word.clear();
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (in_word) words.push_back(std::move(word));
    if (quote != '\0') reader.problem("command", text("has an unclosed ", quote));
    if (words.empty())
        reader.problem("command", "is empty");
    else if (!words.front().starts_with("/"))
        reader.problem("command", "must begin with the path of a program");
    return words;
}

enum class Fallbacks { allowed, nested };

Definition read_definition(Reader& reader, Fallbacks fallbacks);

void read_fallback(Reader& reader, Definition& definition) {
    const cJSON* list = reader.get("fallback");
    if (!list) return;
    if (!cJSON_IsArray(list))
        return reader.problem("fallback", text("expected a list of definitions, found ", type_name(list)));
    size_t index = 0;
    const cJSON* element = nullptr;
    cJSON_ArrayForEach(element, list) {
        std::string path = element_path(member_path(reader.path(), "fallback"), index++);
        if (!cJSON_IsObject(element)) {
            reader.findings().add(path, text("expected an object, found ", type_name(element)));
            continue;
        }
        Reader object(reader.findings(), element, path);
        Definition& fallback = definition.fallback.emplace_back(read_definition(object, Fallbacks::nested));
        if (!fallback.report) fallback.report = definition.report;
        if (!fallback.files) fallback.files = definition.files;
        if (!fallback.health) fallback.health = definition.health;
        if (fallback.release.empty()) fallback.release = definition.release;
    }
}

/// The URL of a server that knows this node, with placeholders.
std::string read_server_url(Reader& reader) {
    std::string url = reader.required_text("url");
    bool is_http = url.starts_with("http://") || url.starts_with("https://");
    if (!url.empty() && !is_http) reader.problem("url", "is not an http or https URL");
    auto anything = [](std::string_view) { return Result<std::string>(""); };
    if (Result<std::string> filled = fill_in(url, anything); !filled)
        reader.problem("url", filled.error().what);
    return url;
}

void read_report(Reader& parent, Definition& definition) {
    std::optional<Reader> reader = parent.object("report", false);
    if (!reader) return;
    Report& report = definition.report.emplace();
    report.url = read_server_url(*reader);
    report.spread = std::chrono::seconds(reader->integer("spread", 0, 3600, report.spread.count()));
    reader->finish();
}

std::optional<NodeServer> read_server(Reader& parent, const char* key) {
    std::optional<Reader> reader = parent.object(key, false);
    if (!reader) return std::nullopt;
    NodeServer server{.url = read_server_url(*reader)};
    server.interval = std::chrono::seconds(reader->integer("interval", 5, 86400, server.interval.count()));
    reader->finish();
    return server;
}

void check_host_name(Reader& reader, const std::string& name) {
    bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
               || c == '.';
    });
    if (!plain || name.size() > 64)
        reader.problem("hostname", "is not a host name (letters, digits, - and ., at most 64)");
}

bool has_form(std::string_view form, std::string_view word) {
    constexpr std::string_view kHexadecimal = "0123456789abcdef";
    return std::ranges::equal(form, word, [&](char expected, char c) {
        return expected == 'x' ? kHexadecimal.find(c) != std::string_view::npos : expected == c;
    });
}

/// The keys that say for whom and how long a signature holds, and what else it pins.
void read_validity(Reader& reader, Definition& definition) {
    constexpr int64_t kLargest = (int64_t{1} << 53) - 1; // whole numbers of JSON end there
    definition.serial = static_cast<uint64_t>(reader.integer("serial", 1, kLargest, 0));
    std::string until = reader.text("valid_until");
    definition.valid_until = parse_utc(until);
    if (!until.empty() && !definition.valid_until)
        reader.problem("valid_until",
                       text("'", until, "' is not a time; write it like 2027-03-01T12:00:00Z or 2027-03-01"));
    for (const std::string& written : reader.texts("nodes")) {
        if (std::optional<std::string> node = normalize_node(written))
            definition.nodes.push_back(*std::move(node));
        else
            reader.problem("nodes", text("'", written, "' is neither a MAC address nor a UUID"));
    }
    if (const cJSON* list = reader.get("nodes"); cJSON_IsArray(list) && cJSON_GetArraySize(list) == 0)
        reader.problem("nodes", "is empty; a definition for every node has no such key");
    std::string tree = reader.text("node_files");
    if (!tree.empty() && !has_form(std::string(64, 'x'), tree))
        reader.problem("node_files",
                       "expected 64 hexadecimal digits, as mangrovectl release sign writes them");
    // The node takes both out again (trust/node_files.h).
    reader.object("own_files", false);
}

Definition read_definition(Reader& reader, Fallbacks fallbacks) {
    Definition definition;
    if (reader.has("name")) definition.name = reader.required_text("name");
    if (reader.has("command")) definition.command = split_command(reader, reader.text("command"));
    if (std::optional<Reader> mount = reader.object("mount", true)) definition.mount = read_mount(*mount);
    definition.remount = reader.boolean("remount", false);
    reader.boolean("systemd", true);
    reader.text("state");
    definition.release = reader.text("release");
    definition.hostname = reader.text("hostname");
    check_host_name(reader, definition.hostname);
    definition.timeout = std::chrono::seconds(reader.integer("timeout", 0, 86400, 0));
    read_report(reader, definition);
    definition.files = read_server(reader, "files");
    definition.health = read_server(reader, "health");
    if (fallbacks == Fallbacks::allowed) {
        read_validity(reader, definition);
        read_fallback(reader, definition);
    }
    reader.ignore({"id", "refs", "namespaces", "device_file", "mountpoint", "logfile"});
    reader.finish();
    return definition;
}

void sort_by_place(std::vector<Problem>& problems) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return a.line != b.line ? a.line < b.line : a.column < b.column;
    });
}

} // namespace

std::optional<std::string> normalize_node(std::string_view written) {
    std::string word = lower_case(written);
    if (has_form("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", word)) return word;
    std::ranges::replace(word, '-', ':');
    if (has_form("xx:xx:xx:xx:xx:xx", word)) return word;
    return std::nullopt;
}

std::string Problem::to_text() const {
    return json_path.empty() ? what : text(json_path, ": ", what);
}

ParsedDefinition parse_and_check(std::string_view written) {
    ParsedDefinition parsed;
    if (written.size() > kMaximumSize) {
        parsed.problems.push_back(
            {"", text("the definition is larger than 1 MiB (", written.size(), " bytes)")});
        return parsed;
    }
    Scan scanned = scan(written);
    parsed.problems = scanned.problems;
    if (!scanned.is_json) return parsed;
    cJSON* tree = cJSON_ParseWithLength(written.data(), written.size());
    if (!cJSON_IsObject(tree)) {
        parsed.problems.push_back({"", text("expected an object, found ", type_name(tree)), 1, 1});
        cJSON_Delete(tree);
        return parsed;
    }
    Findings findings = {scanned, {}, {}, {}};
    Reader reader(findings, tree, "");
    parsed.definition = read_definition(reader, Fallbacks::allowed);
    cJSON_Delete(tree);
    parsed.problems.insert(parsed.problems.end(), findings.problems.begin(), findings.problems.end());
    sort_by_place(parsed.problems);
    parsed.notices = std::move(findings.oddities);
    if (!findings.meaningless.empty())
        parsed.notices.push_back("not used at boot, ignoring: " + join(findings.meaningless, ", "));
    return parsed;
}

Result<Definition> parse_definition(std::string_view written) {
    ParsedDefinition parsed = parse_and_check(written);
    if (!parsed.problems.empty()) {
        size_t more = parsed.problems.size() - 1;
        return permanent_error(
            parsed.problems.front().to_text(),
            more > 0 ? text(" (and ", more, more == 1 ? " more problem)" : " more problems)") : "");
    }
    for (const std::string& notice : parsed.notices)
        log_notice("definition: ", notice);
    return std::move(parsed.definition);
}

} // namespace mangrove::definition
