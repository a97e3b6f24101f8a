#include "head/rollout/testing/simulation.h"

#include <algorithm>

#include "head/rollout/driver.h"
#include "head/rollout/record_reader.h"

namespace mangrove::head::testing {

using Phase = Machine::Phase;

Simulation::Simulation(Choose choose, size_t count) : choose_(std::move(choose)) {
    records_.clock.wall = time_;
    for (size_t i = 0; i < count; ++i)
        machines.push_back({.name = text("n", i + 1),
                            .rack = text("rack", i % 3),
                            .has_bmc = i % 2 == 0,
                            .boot_id = text("first", i)});
}

size_t Simulation::count(State state) const {
    return static_cast<size_t>(std::ranges::count_if(
        records_.nodes, [&](const auto& entry) { return entry.second.state == state; }));
}

std::string Simulation::describe() const {
    std::string all = text("at ", time_, ", up ", records_.clock.up, "\n");
    for (const auto& [id, rollout] : records_.rollouts)
        all += text("rollout ", id, " to ", rollout.release, ": ", status_name(rollout), " ", rollout.reason,
                    "\n");
    for (const auto& [name, node] : records_.nodes)
        all += text(name, ": ", to_json(node), "\n");
    for (const Machine& machine : machines)
        all += text(machine.name, ": phase ", static_cast<int>(machine.phase), " of ", machine.release, "\n");
    return all;
}

void Simulation::fail(std::string problem) {
    problems.push_back(problem + "\n" + describe());
}

std::optional<std::string> Simulation::start(const std::string& release, Policy policy, size_t canaries) {
    RolloutRequest request{.release = release, .policy = std::move(policy), .who = "root"};
    for (const Machine& machine : machines)
        request.nodes.push_back({machine.name, machine.rack, machine.has_bmc});
    for (size_t i = 0; i < canaries; ++i)
        request.canaries.push_back(machines[i].name);
    request.supersedes = is_chaos_ && choose_(2) == 0;
    Result<RolloutStep> step = start_rollout(records_, std::move(request), now());
    if (!step) return {};
    if (write(writes_of(*step))) apply(records_, *step, 0);
    return step->rollouts.back().id;
}

void Simulation::order(const std::string& rollout, RolloutOrder order) {
    Result<RolloutStep> step = operate(records_, rollout, order, now());
    if (step && write(writes_of(*step))) apply(records_, *step, 0);
}

void Simulation::order_nodes(const Machine& machine, NodesOrder order) {
    Result<RolloutStep> step = operate(records_, std::vector<std::string>{machine.name}, order, now());
    if (step && write(writes_of(*step))) apply(records_, *step, 0);
}

bool Simulation::write(const std::vector<Write>& writes) {
    if (happens(2)) return false; // the database is away
    for (const Write& one : writes) {
        if (one.value)
            disk_[one.key] = *one.value;
        else
            disk_.erase(one.key);
    }
    return true;
}

Moment Simulation::now() {
    return advance(records_.clock, time_ + skew_);
}

/// All that was in memory is lost; the records are read again.
void Simulation::crash() {
    std::vector<NodeState> nodes;
    std::vector<Rollout> rollouts;
    Moment clock{.up = 1, .wall = 0};
    for (const auto& [key, value] : disk_) {
        if (key.starts_with("state/")) nodes.push_back(node_state_from({key, value, 0}).value());
        if (key.starts_with("rollout/")) rollouts.push_back(rollout_from({key, value, 0}).value());
        if (key.starts_with("clock/")) {
            Json json = parse_record(value, key).value();
            clock = {.up = static_cast<int64_t>(number_at(json.get(), "up")),
                     .wall = static_cast<int64_t>(number_at(json.get(), "wall"))};
        }
    }
    records_ = records_from(clock, std::move(nodes), std::move(rollouts)).value();
}

void Simulation::tick_once() {
    records_.clock = now();
    if (happens(50) || !is_chaos_) write({write_of(records_.clock)});
    std::map<std::string, std::string> before;
    for (const auto& [name, node] : records_.nodes)
        before[name] = node.committed;
    RolloutStep step = tick(records_, records_.clock);
    if (happens(2)) return crash();
    if (!write(writes_of(step))) return;
    apply(records_, step, 0);
    check_commits(before);
    if (happens(2)) return crash();
    if (is_chaos_) check_repeated(step.actions);
    for (const Action& action : step.actions) {
        if (happens(10)) continue;
        act(action);
        if (happens(10)) act(action);
    }
}

/// A tick after a crash gives the same actions again.
void Simulation::check_repeated(const std::vector<Action>& actions) {
    RolloutStep again = tick(records_, records_.clock);
    if (!again.nodes.empty() || !again.rollouts.empty()) return;
    for (const Action& action : actions)
        if (std::ranges::find(again.actions, action) == again.actions.end())
            fail(text("the action ", action.id, " is not repeated after a crash"));
}

void Simulation::check_commits(const std::map<std::string, std::string>& before) {
    for (const auto& [name, committed] : before) {
        const NodeState& after = node(name);
        bool is_new = after.committed != committed && after.committed == after.target;
        auto machine = std::ranges::find(machines, name, &Machine::name);
        if (is_new && !machine->healthy_on.contains(after.target))
            fail(name + " was committed, but was never healthy with " + after.target);
    }
}

void Simulation::act(const Action& action) {
    Machine& machine = *std::ranges::find(machines, action.node, &Machine::name);
    using Kind = Action::Kind;
    if (action.kind == Kind::drain) {
        bool is_idle = !busy.contains(machine.name) && choose_(4) == 0 && machine.phase == Phase::running;
        if (happens(5) || drained_by_operator.contains(machine.name))
            return send(machine.name, {.kind = NodeEvent::Kind::refused, .why = "down"});
        if (is_idle) return send(machine.name, {NodeEvent::Kind::drained});
        return send(machine.name, {.kind = NodeEvent::Kind::hindered, .why = "a job runs"});
    }
    if (action.kind == Kind::resume) return send(machine.name, {NodeEvent::Kind::resumed});
    restarts.push_back(text(action.node, " by ", action.how));
    bool is_possible = action.kind == Kind::power_cycle || machine.phase == Phase::running;
    if (happens(10) || !is_possible)
        return send(machine.name, {.kind = NodeEvent::Kind::restart_failed, .why = "no answer"});
    if (full_restart(action.how) != action.how) return restart_without_firmware(machine, action);
    restart(machine);
    send(machine.name, {NodeEvent::Kind::restarted});
}

/// A node that refuses has found out by the plan, or by the definition.
void Simulation::restart_without_firmware(Machine& machine, const Action& action) {
    if (happens(30)) {
        if (choose_(2) == 0)
            deliver(machine.name, {.kind = NodeEvent::Kind::definition, .release = action.release});
        restart(machine);
        NodeEvent refused{.kind = NodeEvent::Kind::restarted, .why = "systemd 252 is running"};
        if (is_awaited(node(machine.name), action, refused)) send(machine.name, refused);
        return;
    }
    machine.phase = Phase::loading;
    machine.until = time_ + 5 + choose_(30);
    machine.release = action.release;
    send(machine.name, {NodeEvent::Kind::restarted});
}

void Simulation::restart(Machine& machine) {
    machine.phase = Phase::firmware;
    machine.until = time_ + 20 + choose_(40);
}

void Simulation::switch_off(Machine& machine) {
    machine.phase = Phase::off;
    deliver(machine.name, {NodeEvent::Kind::off});
}

Behaviour Simulation::behaviour_of(const Machine& machine) const {
    if (is_storage_dead) return machine.has_bmc ? Behaviour::hangs : Behaviour::panics;
    auto found = behaviours.find({machine.release, machine.name});
    return found == behaviours.end() ? Behaviour::good : found->second;
}

void Simulation::run(Machine& machine) {
    switch (machine.phase) {
    case Phase::firmware:
        if (time_ >= machine.until) fetch(machine);
        return;
    case Phase::loading:
        if (time_ >= machine.until) load(machine);
        return;
    case Phase::running:
        if (is_storage_dead) {
            machine.phase = Phase::hung;
            if (behaviour_of(machine) == Behaviour::panics) restart(machine);
            return;
        }
        if (happens(1)) return restart(machine);
        return post(machine);
    case Phase::off:
    case Phase::hung:
        return;
    }
}

void Simulation::fetch(Machine& machine) {
    const NodeState* known = records_.find(machine.name);
    std::vector<std::string> rejected = known ? known->rejected : std::vector<std::string>();
    std::string committed = known ? known->committed : "";
    NodeState after = on_event(records_, machine.name, {NodeEvent::Kind::script}, now());
    std::string served = committed;
    if (write({{after.key(), to_json(after)}})) {
        apply(records_, {.nodes = {after}}, 0);
        served = serve(after);
        const Rollout* rollout = records_.rollout_of(after);
        if (rollout && after.tries > rollout->policy.tries)
            fail(machine.name + " was served more tries than there are");
        rejected = after.rejected;
    }
    if (std::ranges::find(rejected, served) != rejected.end())
        fail(machine.name + " was served the rejected release " + served);
    machine.phase = Phase::loading;
    machine.until = time_ + 10 + choose_(60);
    machine.release = served;
    sent_.emplace_back(machine.name, NodeEvent{NodeEvent::Kind::script});
    if (happens(20)) deliver(machine.name, {NodeEvent::Kind::script});
}

void Simulation::load(Machine& machine) {
    send(machine.name, {.kind = NodeEvent::Kind::definition, .release = machine.release});
    Behaviour behaviour = behaviour_of(machine);
    if (behaviour == Behaviour::panics) return restart(machine);
    machine.phase = behaviour == Behaviour::hangs ? Phase::hung : Phase::running;
    machine.is_fallback = behaviour == Behaviour::falls_back;
    machine.boot_id = text("boot", ++boots_);
    machine.has_reported = false;
    machine.next_health = time_;
}

void Simulation::post(Machine& machine) {
    if (!machine.has_reported) {
        machine.has_reported = !happens(10);
        send(machine.name, {.kind = NodeEvent::Kind::report,
                            .release = machine.release,
                            .boot_id = machine.boot_id,
                            .is_fallback = machine.is_fallback});
        return;
    }
    if (time_ < machine.next_health) return;
    machine.next_health = time_ + 60;
    Behaviour behaviour = behaviour_of(machine);
    bool is_healthy = behaviour != Behaviour::unhealthy && (behaviour != Behaviour::flaps || choose_(2) == 0);
    if (is_healthy && !machine.is_fallback) machine.healthy_on.insert(machine.release);
    send(machine.name, {.kind = NodeEvent::Kind::health,
                        .boot_id = machine.boot_id,
                        .is_healthy = is_healthy,
                        .why = is_healthy ? "" : "unit a.service failed"});
}

void Simulation::send(const std::string& node, const NodeEvent& event) {
    if (event.kind == NodeEvent::Kind::report || event.kind == NodeEvent::Kind::health)
        sent_.emplace_back(node, event);
    if (sent_.size() > 50) sent_.pop_front();
    if (happens(5)) return;
    deliver(node, event);
    if (happens(5)) deliver(node, event);
}

void Simulation::deliver(const std::string& name, const NodeEvent& event) {
    NodeState after = on_event(records_, name, event, now());
    if (const NodeState* known = records_.find(name); known && *known == after) return;
    if (write({{after.key(), to_json(after)}})) apply(records_, {.nodes = {after}}, 0);
}

void Simulation::be_an_operator() {
    Machine& machine = machines[choose_(static_cast<uint32_t>(machines.size()))];
    switch (choose_(12)) {
    case 0:
        return switch_off(machine);
    case 1:
        return machine.phase == Phase::off || machine.phase == Phase::hung ? restart(machine) : void();
    case 2:
        is_storage_dead = !is_storage_dead;
        return;
    case 3:
        skew_ += static_cast<int64_t>(choose_(200'000)) - 100'000;
        return;
    case 4:
        skip(choose_(20'000));
        return; // the head node was down
    case 5:
        start(text("r-", ++releases_), {.on_failure = choose_(2) == 0 ? OnFailure::pause : OnFailure::revert},
              choose_(2));
        return;
    case 6:
    case 7:
    case 8:
        return order_nodes(machine, static_cast<NodesOrder>(choose_(3)));
    default:
        if (!records_.rollouts.empty())
            order(text(1 + choose_(static_cast<uint32_t>(records_.rollouts.size()))),
                  static_cast<RolloutOrder>(choose_(5)));
    }
}

void Simulation::step() {
    time_ += 5;
    for (Machine& machine : machines)
        run(machine);
    if (happens(5) && !sent_.empty()) {
        auto [node, event] = sent_[choose_(static_cast<uint32_t>(sent_.size()))];
        deliver(node, event);
    }
    if (happens(3)) be_an_operator();
    tick_once();
    check();
}

void Simulation::pass(int64_t seconds) {
    for (int64_t end = time_ + seconds; time_ < end && problems.empty();)
        step();
}

void Simulation::pass_in_chaos(size_t steps) {
    is_chaos_ = true;
    for (size_t i = 0; i < steps && problems.empty(); ++i)
        step();
    is_chaos_ = false;
}

bool Simulation::is_over() const {
    return std::ranges::all_of(records_.nodes,
                               [](const auto& entry) { return is_settled(entry.second.state); });
}

/// A machine that stays hung is for an operator; so are a rollout that was paused, and one without restarts.
void Simulation::help_out() {
    for (Machine& machine : machines) {
        if (const NodeState* known = records_.find(machine.name)) {
            if (known->is_held) order_nodes(machine, NodesOrder::unhold);
            const Rollout* rollout = records_.rollout_of(*known);
            bool is_awaited = known->state == State::waiting || known->state == State::reverting
                              || known->state == State::draining;
            if (rollout && rollout->policy.restart == "none" && is_awaited) restart(machine);
        }
        if (machine.phase == Phase::off || machine.phase == Phase::hung) restart(machine);
    }
    for (const auto& [id, rollout] : std::map(records_.rollouts)) {
        order(id, RolloutOrder::approve);
        if (rollout.status == Status::paused) order(id, RolloutOrder::resume);
    }
}

void Simulation::settle() {
    is_storage_dead = false;
    for (int round = 0; round < 60 && problems.empty(); ++round) {
        pass(1800);
        if (is_over()) return;
        help_out();
    }
    for (const auto& [name, node] : records_.nodes)
        if (!is_settled(node.state)) fail(name + " is not settled after a day");
}

void Simulation::check() {
    std::map<std::string, size_t> taken;
    std::map<std::pair<std::string, std::string>, size_t> places;
    for (const auto& [name, node] : records_.nodes) {
        if (!holds_slot(node.state)) continue;
        const Rollout& rollout = *records_.rollout_of(node);
        if (++taken[node.rollout] > rollout.policy.max.of(rollout.nodes.size()))
            fail("more slots than the cap of rollout " + rollout.id);
        size_t spread = rollout.policy.spread;
        if (++places[{node.rollout, node.place}] > spread && spread > 0)
            fail("more nodes in " + node.place + " than the spread of rollout " + rollout.id);
    }
}

} // namespace mangrove::head::testing
