#include "head/host/step.h"

#include <algorithm>
#include <iterator>

#include "head/host/program.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kKindNames[] = {"command", "file", "directory", "clone", "link", "attribute"};

constexpr std::string_view kHidden = "********";

std::string without_secret(const Step& step, std::string shown) {
    if (step.secret.empty()) return shown;
    for (size_t at = 0; (at = shown.find(step.secret, at)) != std::string::npos; at += kHidden.size())
        shown.replace(at, step.secret.size(), kHidden);
    return shown;
}

/// Quoting may change the secret, so that it would not be found afterwards.
std::string without_secret(const Step& step, const std::vector<std::string>& words) {
    std::vector<std::string> shown;
    for (const std::string& word : words) {
        bool is_secret = !step.secret.empty() && word.find(step.secret) != std::string::npos;
        shown.push_back(is_secret ? without_secret(step, word) : command_line({word}));
    }
    return join(shown, " ");
}

/// Returns the text at `kNumberPlaceholder`, empty where the wanted line has none; nothing where it
/// is another line.
std::optional<std::string> number_in(std::string_view line, std::string_view wanted) {
    if (line == wanted) return "";
    size_t before = wanted.find(kNumberPlaceholder);
    if (before == std::string_view::npos || line.size() < wanted.size()
        || !line.starts_with(wanted.substr(0, before)) || !line.ends_with(wanted.substr(before + 1)))
        return std::nullopt;
    std::string_view number = line.substr(before, line.size() - wanted.size() + 1);
    return parse_number(number) ? std::optional<std::string>(number) : std::nullopt;
}

/// The number in the path, where an outline (lines that belong to the nearest line above that is indented
/// less) has it.
std::optional<std::string> find_in_outline(std::string_view outline, const std::vector<std::string>& path) {
    std::string found;
    std::vector<size_t> indents; // of the lines of the path that were found
    for (const std::string& line : split(outline, '\n')) {
        size_t indent = line.find_first_not_of(" \t");
        if (indent == std::string::npos) continue;
        while (!indents.empty() && indent <= indents.back())
            indents.pop_back();
        std::optional<std::string> number = number_in(trim(line), path[indents.size()]);
        if (!number) continue;
        indents.push_back(indent);
        found += *number;
        if (indents.size() == path.size()) return found;
    }
    return std::nullopt;
}

Result<std::optional<std::string>> ask_for(Host& host, const Step& step) {
    return find_in_outline(TRY(host.run(step.probe)), split(step.probe_line, '\n'));
}

Result<bool> is_there(Host& host, const Step& step) {
    if (step.kind != Step::Kind::command) return host.exists(step.path);
    if (step.probe.empty()) return false;
    return TRY(ask_for(host, step)).has_value();
}

Result<> undo_command(Host& host, const Step& step) {
    if (step.undo_words.empty()) return {};
    std::vector<std::string> words = step.undo_words;
    if (!step.probe.empty()) {
        std::optional<std::string> number = TRY(ask_for(host, step));
        if (!number) return {};
        if (!number->empty()) std::ranges::replace(words, kNumberPlaceholder, *number);
    }
    TRY(host.run(words));
    return {};
}

Result<> undo_file(Host& host, const Step& step) {
    if (!host.exists(step.path)) return {};
    if (TRY(host.read(step.path)) != step.contents)
        return permanent_error(step.path,
                               " is not as mangrovectl wrote it; move it away and unpublish again");
    return host.remove(step.path);
}

} // namespace

std::string to_text(const Step& step) {
    switch (step.kind) {
    case Step::Kind::command:
        return without_secret(step, step.words);
    case Step::Kind::file:
        return without_secret(step, text("write ", step.path, ":\n", step.contents));
    case Step::Kind::directory:
        return "make the directory " + step.path;
    case Step::Kind::clone:
        return text("link or copy ", step.contents, " to ", step.path);
    case Step::Kind::link:
        return text("link ", step.path, " to ", step.contents);
    case Step::Kind::attribute:
        return without_secret(step, text("write '", trim(step.contents), "' to ", step.path));
    }
    return {};
}

std::string undo_text(const Step& step) {
    if (step.kind == Step::Kind::command) return without_secret(step, step.undo_words);
    if (step.kind == Step::Kind::attribute) return {};
    return "remove " + step.path;
}

Json to_json(const Step& step) {
    Json json = make_json_object();
    add_text(json.get(), "kind", std::string(kKindNames[static_cast<size_t>(step.kind)]));
    for (auto [key, value] : {std::pair("path", &step.path), std::pair("contents", &step.contents),
                              std::pair("probe_line", &step.probe_line), std::pair("secret", &step.secret)})
        if (!value->empty()) add_text(json.get(), key, *value);
    for (auto [key, words] : {std::pair("words", &step.words), std::pair("undo", &step.undo_words),
                              std::pair("probe", &step.probe)})
        if (!words->empty()) add_texts(json.get(), key, *words);
    if (step.scope == Step::Scope::shared) cJSON_AddTrueToObject(json.get(), "shared");
    return json;
}

Result<Step> step_from_json(const cJSON* json) {
    std::string kind = text_at(json, "kind");
    const auto* known = std::ranges::find(kKindNames, kind);
    if (known == std::end(kKindNames)) return permanent_error("a step of the unknown kind '", kind, "'");
    return Step{.kind = static_cast<Step::Kind>(known - std::begin(kKindNames)),
                .path = text_at(json, "path"),
                .contents = text_at(json, "contents"),
                .words = texts_at(json, "words"),
                .undo_words = texts_at(json, "undo"),
                .probe = texts_at(json, "probe"),
                .probe_line = text_at(json, "probe_line"),
                .secret = text_at(json, "secret"),
                // The others only matter before a step is recorded.
                .scope = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "shared"))
                             ? Step::Scope::shared
                             : Step::Scope::of_the_host};
}

Result<> check_step(Host& host, const Step& step) {
    bool is_new = step.kind == Step::Kind::attribute || step.scope != Step::Scope::of_the_host;
    if (is_new || !TRY(is_there(host, step))) return {};
    return permanent_error(step.kind == Step::Kind::command ? join(split(step.probe_line, '\n'), ", ")
                                                            : step.path,
                           " already exists and was not created by mangrovectl");
}

Result<bool> probe_applied(Host& host, const Step& step) {
    bool is_seen =
        step.kind == Step::Kind::command ? !step.probe.empty() : step.kind != Step::Kind::attribute;
    return is_seen ? TRY(is_there(host, step)) : true;
}

Result<> do_step(Host& host, const Step& step) {
    switch (step.kind) {
    case Step::Kind::command:
        if (step.words.empty() || (step.scope == Step::Scope::shared && TRY(is_there(host, step)))) return {};
        TRY(step.reads.empty() ? host.run(step.words) : host.run_long(step.words, step.reads));
        return {};
    case Step::Kind::file:
        return host.write(step.path, step.contents, step.secret.empty() ? Readers::everyone : Readers::owner);
    case Step::Kind::directory:
        return host.make_directory(step.path);
    case Step::Kind::clone:
        return host.clone(step.contents, step.path);
    case Step::Kind::link:
        return host.make_link(step.path, step.contents);
    case Step::Kind::attribute:
        return host.write_attribute(step.path, step.contents);
    }
    return {};
}

Result<> undo_step(Host& host, const Step& step) {
    switch (step.kind) {
    case Step::Kind::command:
        return undo_command(host, step);
    case Step::Kind::file:
        return undo_file(host, step);
    case Step::Kind::directory:
        return host.remove_directory(step.path);
    case Step::Kind::clone:
    case Step::Kind::link:
        return host.remove(step.path);
    case Step::Kind::attribute:
        return {};
    }
    return {};
}

} // namespace mangrove::head
