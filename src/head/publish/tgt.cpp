#include "head/publish/tgt.h"

#include <algorithm>
#include <map>

namespace mangrove::head {

namespace {

/// The targets of tgtd: number and name.
Result<std::map<uint64_t, std::string>> targets_of(Host& host) {
    std::map<uint64_t, std::string> targets;
    std::string shown = TRY(host.run(tgtadm("target", "show")), "asking tgtd for its targets");
    for (const std::string& line : split(shown, '\n')) {
        if (!line.starts_with("Target ")) continue;
        std::string_view rest = std::string_view(line).substr(7);
        size_t colon = rest.find(": ");
        if (std::optional<uint64_t> number = parse_number(rest.substr(0, colon)))
            targets[*number] = colon == std::string_view::npos ? "" : trim(rest.substr(colon + 1));
    }
    return targets;
}

/// Of the target that the steps make or add to.
std::string target_of(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
        std::string line = step.probe_line.substr(0, step.probe_line.find('\n'));
        if (line.starts_with("Target ")) return line.substr(line.find(": ") + 2);
    }
    return {};
}

void set_number(std::vector<std::string>& words, const std::string& number) {
    for (size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "--tid") words[i + 1] = number;
}

/// Of a file that is gone tgtadm says "invalid request" alone.
Result<> check_backing_store(Host& host, const std::vector<std::string>& words) {
    auto option = std::ranges::find(words, "--backing-store");
    if (option == words.end() || std::next(option) == words.end()) return {};
    const std::string& store = *std::next(option);
    if (!store.starts_with('/') || host.exists(store)) return {};
    return permanent_error(store, " not found");
}

} // namespace

std::vector<std::string> tgtadm(const char* mode, const char* operation, std::vector<std::string> words) {
    std::vector<std::string> all = {"tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation};
    all.insert(all.end(), words.begin(), words.end());
    return all;
}

Result<std::string> free_target_number(Host& host) {
    std::map<uint64_t, std::string> taken = TRY(targets_of(host));
    uint64_t number = 1;
    while (taken.contains(number))
        ++number;
    return text(number);
}

Result<std::string> target_number(Host& host, const std::string& name) {
    for (const auto& [number, known] : TRY(targets_of(host)))
        if (known == name) return text(number);
    return permanent_error("tgtd has no target '", name, "'");
}

std::string target_line(const std::string& name) {
    return text("Target ", kNumberPlaceholder, ": ", name);
}

Step target_step(const std::string& number, const std::string& name) {
    return {.words = tgtadm("target", "new", {"--tid", number, "--targetname", name}),
            .undo_words = tgtadm("target", "delete", {"--force", "--tid", kNumberPlaceholder}),
            .probe = tgtadm("target", "show"),
            .probe_line = target_line(name)};
}

Result<> check_tgt_word(const std::string& word) {
    if (word.find_first_of(",\n") == std::string::npos) return {};
    return permanent_error("tgtd takes no path with a comma or a newline: '", word, "'");
}

Step tgt_bind_step(const std::string& number, const std::string& name, const char* option,
                   const std::string& who) {
    return {.words = tgtadm("target", "bind", {"--tid", number, option, who}),
            .probe = tgtadm("target", "show"),
            .probe_line = text(target_line(name), "\nACL information:\n", who),
            .scope = Step::Scope::of_an_earlier_step};
}

Result<std::vector<User>> sessions_of_tgt_target(Host& host, const std::string& name) {
    constexpr std::string_view kInitiator = "Initiator: ";
    constexpr std::string_view kAddress = "IP Address: ";
    std::string shown = TRY(host.run(tgtadm("target", "show")), "asking tgtd which initiators are logged in");
    std::vector<User> users;
    bool is_it = false;
    for (const std::string& line : split(shown, '\n')) {
        std::string_view said = trim(line);
        if (line.starts_with("Target ")) {
            is_it = line.ends_with(": " + name);
        } else if (is_it && said.starts_with(kInitiator)) {
            said.remove_prefix(kInitiator.size());
            users.push_back({std::string(said.substr(0, said.rfind(" alias: "))), ""});
        } else if (is_it && said.starts_with(kAddress) && !users.empty()) {
            users.back().address = said.substr(kAddress.size());
        }
    }
    return users;
}

Result<> end_tgt_sessions(Host& host, const std::string& name, const std::vector<Step>& steps) {
    Result<std::string> number = target_number(host, name);
    if (!number) return {}; // no target, no sessions
    for (const Step& step : steps) {
        auto bind = std::ranges::find(step.words, "bind");
        if (bind == step.words.end() || std::ranges::count(step.words, "account") > 0) continue;
        std::vector<std::string> words = step.words;
        words[static_cast<size_t>(bind - step.words.begin())] = "unbind";
        set_number(words, *number);
        static_cast<void>(host.run(words)); // one that is taken back already is no error
    }
    std::string session;
    for (const std::string& line : split(TRY(host.run(tgtadm("conn", "show", {"--tid", *number}))), '\n')) {
        std::string_view said = trim(line);
        if (said.starts_with("Session: ")) session = said.substr(9);
        if (!said.starts_with("Connection: ")) continue;
        std::string connection(said.substr(12));
        TRY(host.run(tgtadm("conn", "delete", {"--tid", *number, "--sid", session, "--cid", connection})));
    }
    return {};
}

Step tgt_command(std::vector<std::string> words) {
    return {.words = std::move(words)};
}

Result<> renew_tgt(Host& host, std::vector<Step>& steps) {
    bool makes_it = std::ranges::any_of(
        steps, [](const Step& step) { return std::ranges::count(step.words, "--targetname") > 0; });
    std::string number =
        makes_it ? TRY(free_target_number(host)) : TRY(target_number(host, target_of(steps)));
    for (const Step& step : steps)
        TRY(check_backing_store(host, step.words));
    for (Step& step : steps) {
        set_number(step.words, number);
        // Records were once of the number that the target had when it was made.
        set_number(step.undo_words, kNumberPlaceholder);
        if (step.probe_line.starts_with("Target "))
            step.probe_line.replace(0, step.probe_line.find(": "), text("Target ", kNumberPlaceholder));
    }
    return {};
}

} // namespace mangrove::head
