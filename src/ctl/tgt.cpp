#include "ctl/tgt.h"

#include <algorithm>
#include <map>

namespace mangrove::ctl {

namespace {

/// The targets of tgtd: number and name.
Result<std::map<uint64_t, std::string>> targets_of(Host& host) {
    std::map<uint64_t, std::string> targets;
    std::string shown = TRY(host.run(tgtadm("target", "show")),
                            "asking tgtd for its targets (does it run? systemctl status tgt)");
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
    return permanent_error("there is no ", store, " any more");
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
    return text("Target ", kItsNumber, ": ", name);
}

Step target_step(const std::string& number, const std::string& name) {
    return {.words = tgtadm("target", "new", {"--tid", number, "--targetname", name}),
            .undo_words = tgtadm("target", "delete", {"--force", "--tid", kItsNumber}),
            .probe = tgtadm("target", "show"),
            .probe_line = target_line(name)};
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
        set_number(step.undo_words, kItsNumber);
        if (step.probe_line.starts_with("Target "))
            step.probe_line.replace(0, step.probe_line.find(": "), text("Target ", kItsNumber));
    }
    return {};
}

} // namespace mangrove::ctl
