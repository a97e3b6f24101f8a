#include "head/power/power.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "head/files/secrets.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

constexpr size_t kMostAtOnce = 64;
constexpr size_t kLongestProblem = 400;

/// A BMC that can be asked.
struct Target {
    Bmc bmc;
    std::string password;
};

Result<std::string> password_of(Database& database, const Bmc& bmc) {
    if (bmc.secret.empty()) return std::string();
    std::optional<std::string> value = TRY(secret_value(database, bmc.secret));
    if (!value) return permanent_error("no secret ", bmc.secret, "; mangrovectl secret set ", bmc.secret);
    // An editor and echo(1) end a file with a newline.
    while (value->ends_with('\n') || value->ends_with('\r'))
        value->pop_back();
    bool has_control = std::ranges::any_of(*value, [](unsigned char letter) { return letter < ' '; });
    if (has_control || value->empty())
        return permanent_error("the secret ", bmc.secret, " is no password: empty, or of several lines");
    return *std::move(value);
}

Result<Target> find_target(Database& database, const Inventory& inventory, PowerAnswer& answer) {
    std::optional<Bmc> bmc = TRY(bmc_of(inventory, answer.node));
    if (!bmc) return permanent_error("no BMC; set bmc.address and bmc.kind");
    answer.address = bmc->address.host;
    std::string password = TRY(password_of(database, *bmc));
    return Target{*std::move(bmc), std::move(password)};
}

std::unique_ptr<PowerDevice> make_device(const Target& target) {
    if (target.bmc.kind == "ipmi") return make_ipmi_device(target.bmc, target.password);
    if (target.bmc.kind == "powerman") return make_powerman_device(target.bmc);
    return make_redfish_device(target.bmc, target.password);
}

/// A BMC's words, on one line.
std::string shown(std::string problem) {
    std::ranges::replace_if(
        problem, [](unsigned char letter) { return letter < ' ' || letter == 127; }, ' ');
    return problem.substr(0, kLongestProblem);
}

Result<PowerState> ask(const Target& target, PowerOrder order, const IsMeant& is_meant) {
    Result<PowerState> state = obey(*make_device(target), order, is_meant);
    if (!state) state.error().what = shown(std::move(state.error().what));
    return state;
}

std::string with_address(const std::string& address, const std::string& said) {
    return address.empty() ? said : text("bmc ", address, ": ", said);
}

} // namespace

std::string problem_of(const PowerAnswer& answer) {
    return answer.power ? "" : with_address(answer.address, answer.power.error().what);
}

PowerAnswer order_power(Database& database, const Inventory& inventory, const std::string& node,
                        PowerOrder order, const IsMeant& is_meant) {
    PowerAnswer answer{.node = node};
    Result<Target> target = find_target(database, inventory, answer);
    answer.power = target ? ask(*target, order, is_meant) : std::unexpected(target.error());
    return answer;
}

std::vector<PowerAnswer> order_power(Database& database, const Inventory& inventory,
                                     const std::vector<std::string>& nodes, PowerOrder order) {
    std::vector<PowerAnswer> answers;
    std::vector<Result<Target>> targets;
    for (const std::string& node : nodes)
        targets.push_back(find_target(database, inventory, answers.emplace_back(PowerAnswer{.node = node})));
    std::atomic<size_t> next = 0;
    auto work = [&] {
        for (size_t i = next++; i < nodes.size(); i = next++)
            answers[i].power = targets[i] ? ask(*targets[i], order, {}) : std::unexpected(targets[i].error());
    };
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < std::min(kMostAtOnce, nodes.size()); ++i)
        threads.emplace_back(work);
    threads.clear();
    return answers;
}

std::vector<std::string> nodes_that_are_off(const std::vector<PowerAnswer>& answers) {
    std::vector<std::string> nodes;
    for (const PowerAnswer& answer : answers)
        if (answer.power == PowerState::off) nodes.push_back(answer.node);
    return nodes;
}

Json description_of(const PowerAnswer& answer) {
    Json json = make_json_object();
    add_text(json.get(), "node", answer.node);
    if (answer.power)
        add_text(json.get(), "power", std::string(name_of(*answer.power)));
    else
        add_text(json.get(), "problem", problem_of(answer));
    return json;
}

std::vector<FoldedAnswer> fold(const std::vector<PowerAnswer>& answers) {
    struct Group {
        std::vector<std::string> nodes;
        std::vector<std::string> addresses;
    };
    std::map<std::pair<bool, std::string>, Group> groups;
    for (const PowerAnswer& answer : answers) {
        std::string said(answer.power ? name_of(*answer.power) : answer.power.error().what);
        Group& group = groups[{!answer.power, said}];
        group.nodes.push_back(answer.node);
        if (!answer.power && !answer.address.empty()) group.addresses.push_back(answer.address);
    }
    std::vector<FoldedAnswer> folded;
    for (auto& [key, group] : groups)
        folded.push_back(
            {text(fold_nodes(group.nodes), ": ", with_address(fold_nodes(group.addresses), key.second)),
             key.first});
    return folded;
}

} // namespace mangrove::head
