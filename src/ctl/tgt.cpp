#include "ctl/tgt.h"

#include <map>

namespace mangrove::ctl {

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

std::string word_after(const std::vector<std::string>& words, std::string_view option) {
    for (size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == option) return words[i + 1];
    return {};
}

/// Of the target that the steps make; empty where they only add to one.
std::string new_target(const std::vector<Step>& steps) {
    for (const Step& step : steps)
        if (std::string name = word_after(step.words, "--targetname"); !name.empty()) return name;
    return {};
}

Result<std::string> number_now(Host& host, const std::vector<Step>& steps, const std::string& line_before) {
    if (!new_target(steps).empty()) return free_target_number(host);
    std::map<uint64_t, std::string> targets = TRY(targets_of(host));
    for (const auto& [number, name] : targets)
        if (line_before.ends_with(": " + name)) return text(number);
    return permanent_error("tgtd has no '", line_before, "'");
}

void set_number(std::vector<std::string>& words, const std::string& number) {
    for (size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "--tid") words[i + 1] = number;
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

std::string target_line(const std::string& number, const std::string& name) {
    return text("Target ", number, ": ", name);
}

Step target_step(const std::string& number, const std::string& name) {
    return {.words = tgtadm("target", "new", {"--tid", number, "--targetname", name}),
            .undo_words = tgtadm("target", "delete", {"--force", "--tid", number}),
            .probe = tgtadm("target", "show"),
            .probe_line = target_line(number, name)};
}

Step tgt_command(std::vector<std::string> words) {
    return {.words = std::move(words)};
}

std::string target_number(const std::vector<Step>& steps) {
    for (const Step& step : steps)
        if (std::string number = word_after(step.words, "--tid"); !number.empty()) return number;
    return {};
}

Result<> renew_tgt(Host& host, std::vector<Step>& steps) {
    const std::string prefix = text("Target ", target_number(steps), ": ");
    std::string line;
    for (const Step& step : steps)
        if (step.probe_line.starts_with(prefix)) line = step.probe_line.substr(0, step.probe_line.find('\n'));
    std::string number = TRY(number_now(host, steps, line));
    for (Step& step : steps) {
        set_number(step.words, number);
        set_number(step.undo_words, number);
        if (step.probe_line.starts_with(prefix))
            step.probe_line.replace(0, prefix.size(), text("Target ", number, ": "));
    }
    return {};
}

} // namespace mangrove::ctl
