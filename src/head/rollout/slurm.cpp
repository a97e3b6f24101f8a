#include "head/rollout/slurm.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <span>

#include "head/host/program.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;
using Event = NodeEvent::Kind;

/// Begins the reasons of nodes that a rollout has drained. Slurm appends to them: "mangrove:7 : reboot
/// issued".
constexpr std::string_view kReason = "mangrove:";
/// Linux takes no word that is longer than 128 KB.
constexpr size_t kMostInOneCommand = 500;
constexpr std::chrono::seconds kLimit{60};

// Reading.

/// Returns all that follows " KEY=" in a line.
std::string_view value_of(std::string_view line, std::string_view key) {
    std::string wanted = text(" ", key, "=");
    size_t at = line.find(wanted);
    return at == std::string_view::npos ? std::string_view() : line.substr(at + wanted.size());
}

std::string word_of(std::string_view line, std::string_view key) {
    std::string_view value = value_of(line, key);
    return std::string(value.substr(0, value.find(' ')));
}

/// "bad disk [root@2026-11-30T15:37:48] Comment=x"
std::string reason_of(std::string_view line) {
    std::string_view value = value_of(line, "Reason");
    for (size_t at = value.find(" ["); at != std::string_view::npos; at = value.find(" [", at + 1)) {
        std::string_view who = value.substr(at, value.find(']', at) - at);
        if (who.find('@') != std::string_view::npos && who.find(' ', 1) == std::string_view::npos)
            return std::string(value.substr(0, at));
    }
    value = value.substr(0, value.find(" Comment="));
    return std::string(trim(value.substr(0, value.find(" Extra="))));
}

/// "IDLE+DRAIN", and of versions before 21.08 "IDLE*+DRAIN", "DRAINING" and "REBOOT^".
std::set<std::string, std::less<>> states_from(const std::string& written) {
    std::set<std::string, std::less<>> states;
    for (std::string state : split(written, '+')) {
        bool is_issued = state.ends_with('^');
        while (!state.empty() && std::string_view("*~#!%$@^-").find(state.back()) != std::string_view::npos)
            state.pop_back();
        if (state == "REBOOT") state = is_issued ? "REBOOT_ISSUED" : "REBOOT_REQUESTED";
        if (state == "DRAINING") states.insert("ALLOCATED");
        if (state == "DRAINING" || state == "DRAINED") state = "DRAIN";
        if (!state.empty()) states.insert(std::move(state));
    }
    return states;
}

bool has(const SlurmNode& node, std::initializer_list<std::string_view> states) {
    return std::ranges::any_of(states, [&](std::string_view state) { return node.states.contains(state); });
}

SlurmNode node_from(std::string_view line) {
    SlurmNode node{.name = word_of(line, "NodeName"),
                   .host = word_of(line, "NodeHostName"),
                   .states = states_from(word_of(line, "State")),
                   .reason = reason_of(line)};
    // A job that is suspended keeps its memory.
    node.has_jobs = has(node, {"ALLOCATED", "MIXED", "COMPLETING"})
                    || parse_number(word_of(line, "CPUAlloc")).value_or(0) > 0
                    || parse_number(word_of(line, "AllocMem")).value_or(0) > 0;
    return node;
}

/// Nodes by our names: by NodeName, or by NodeHostName or the name before the domain where only one node has
/// it.
class SlurmNodes {
  public:
    explicit SlurmNodes(const std::vector<SlurmNode>& nodes) {
        for (const SlurmNode& node : nodes) {
            by_name_[node.name] = &node;
            auto [known, is_new] = by_host_.try_emplace(node.host, &node);
            if (!is_new) known->second = nullptr;
        }
    }

    const SlurmNode* find(const std::string& name) const {
        const SlurmNode* found = find_exactly(name);
        return found ? found : find_exactly(name.substr(0, name.find('.')));
    }

  private:
    const SlurmNode* find_exactly(const std::string& name) const {
        for (const auto* names : {&by_name_, &by_host_})
            if (auto found = names->find(name); found != names->end() && found->second) return found->second;
        return nullptr;
    }

    std::map<std::string, const SlurmNode*> by_name_;
    std::map<std::string, const SlurmNode*> by_host_;
};

// The states of a node.

bool is_ours(const SlurmNode& node) {
    return node.reason.starts_with(kReason);
}
bool is_rebooting(const SlurmNode& node) {
    return has(node, {"REBOOT_REQUESTED", "REBOOT_ISSUED"});
}
/// Whether Slurm gives the node no jobs.
bool is_out(const SlurmNode& node) {
    return has(node, {"DRAIN", "DOWN", "FAIL"});
}
/// Whether it is not for us to touch: somebody else has it, or it is not there.
bool is_foreign(const SlurmNode& node) {
    bool is_away = has(node, {"POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN", "POWER", "FUTURE"});
    return is_away || (!is_ours(node) && (is_out(node) || is_rebooting(node)));
}
bool is_drained(const SlurmNode& node) {
    return is_ours(node) && is_out(node) && !node.has_jobs && !has(node, {"UNKNOWN"});
}

std::string description_of(const SlurmNode& node) {
    return text("Slurm has ", node.name, " as ", join(Words(node.states.begin(), node.states.end()), "+"),
                node.reason.empty() ? "" : ": ", node.reason);
}

// Doing.

enum class Order { drain, reboot, cancel_reboot, resume };

Words words_of(Order order, const std::string& nodes, const std::string& rollout) {
    switch (order) {
    case Order::drain:
        return {"update", "nodename=" + nodes, "state=drain", text("reason=", kReason, rollout)};
    case Order::reboot:
        // The second "reboot issued" takes the place of a reason that has one already.
        return {"reboot", text("reason=", kReason, rollout), nodes};
    case Order::cancel_reboot:
        return {"cancel_reboot", nodes};
    case Order::resume:
        break;
    }
    return {"update", "nodename=" + nodes, "state=resume"};
}

class Planner {
  public:
    Planner(SlurmOutcome& outcome) : outcome_(outcome) {}

    void plan(const Action& action, const SlurmNode* node) {
        using Kind = Action::Kind;
        if (action.kind == Kind::resume)
            return node ? plan_resume(action, *node) : tell(action, Event::resumed);
        if (!node || is_foreign(*node)) {
            std::string why = node ? description_of(*node) + "; left alone"
                                   : text("Slurm does not know ", action.node, "; add it to slurm.conf");
            return tell(action, action.kind == Kind::drain ? Event::refused : Event::hindered, why);
        }
        bool is_restart = action.kind == Kind::restart && action.how == kSlurm;
        if (is_restart && is_ours(*node) && is_rebooting(*node)) return tell(action, Event::restarted);
        if (!is_ours(*node) || !is_out(*node)) return order(Order::drain, action, *node);
        if (!is_drained(*node)) return tell(action, Event::hindered, "its jobs in Slurm have not ended yet");
        if (action.kind == Kind::drain) return tell(action, Event::drained);
        if (is_restart) return order(Order::reboot, action, *node);
        outcome_.cleared.push_back(action);
    }

    void run(const RunScontrol& scontrol) {
        for (const auto& [key, nodes] : orders_) {
            const auto& [kind, rollout] = key;
            for (size_t begin = 0; begin < nodes.size(); begin += kMostInOneCommand)
                run(scontrol, kind, rollout,
                    std::span(nodes).subspan(begin, std::min(kMostInOneCommand, nodes.size() - begin)));
        }
    }

  private:
    struct Ordered {
        Action action;
        std::string node; ///< its name in Slurm
    };

    void plan_resume(const Action& action, const SlurmNode& node) {
        if (!is_ours(node) || (!is_out(node) && !is_rebooting(node))) return tell(action, Event::resumed);
        if (has(node, {"REBOOT_REQUESTED"})) return order(Order::cancel_reboot, action, node);
        if (has(node, {"REBOOT_ISSUED"}))
            return tell(action, Event::hindered, "slurmd has not registered since the restart");
        order(Order::resume, action, node);
    }

    void tell(const Action& action, Event event, std::string why = "") {
        outcome_.events.push_back({action, {.kind = event, .why = std::move(why)}});
    }

    void order(Order order, const Action& action, const SlurmNode& node) {
        bool has_reason = order == Order::drain || order == Order::reboot;
        std::string rollout = has_reason ? action.rollout : "";
        orders_[{order, rollout}].push_back({action, node.name});
    }

    void run(const RunScontrol& scontrol, Order order, const std::string& rollout,
             std::span<const Ordered> nodes) {
        Words names;
        for (const Ordered& one : nodes)
            names.push_back(one.node);
        Words words = words_of(order, join(names, ","), rollout);
        Result<std::string> ran = scontrol(words);
        if (ran) return outcome_.commands.push_back(join(words, " "));
        outcome_.problem = ran.error().what;
        for (const Ordered& one : nodes)
            tell(one.action, Event::hindered, outcome_.problem);
    }

    SlurmOutcome& outcome_;
    std::map<std::pair<Order, std::string>, std::vector<Ordered>> orders_;
};

} // namespace

std::vector<SlurmNode> parse_slurm_nodes(std::string_view printed) {
    std::vector<SlurmNode> nodes;
    for (const std::string& line : split(printed, '\n'))
        if (line.starts_with("NodeName=")) nodes.push_back(node_from(" " + line));
    return nodes;
}

RunScontrol run_scontrol(const std::vector<std::string>& program) {
    return [program](const Words& words) {
        Program scontrol{.words = program, .name = "scontrol", .limit = kLimit};
        scontrol.words.insert(scontrol.words.end(), words.begin(), words.end());
        return run_program(scontrol);
    };
}

SlurmOutcome take_in_slurm(const std::vector<Action>& actions, const RunScontrol& scontrol) {
    SlurmOutcome outcome;
    Result<std::string> printed = scontrol({"show", "node", "--oneliner"});
    if (!printed) {
        outcome.problem = printed.error().what;
        for (const Action& action : actions)
            outcome.events.push_back({action, {.kind = Event::hindered, .why = outcome.problem}});
        return outcome;
    }
    std::vector<SlurmNode> all = parse_slurm_nodes(*printed);
    SlurmNodes nodes(all);
    Planner planner(outcome);
    for (const Action& action : actions)
        planner.plan(action, nodes.find(action.node));
    planner.run(scontrol);
    return outcome;
}

Result<> check_reboot_program(const RunScontrol& scontrol) {
    Result<std::string> printed = scontrol({"show", "config"});
    if (!printed) return {};
    for (const std::string& line : split(*printed, '\n'))
        if (line.starts_with("RebootProgram ") && line.ends_with("(null)"))
            return permanent_error("--drain slurm: slurm.conf has no RebootProgram; write "
                                   "RebootProgram=/usr/sbin/reboot there, or give --restart");
    return {};
}

} // namespace mangrove::head
