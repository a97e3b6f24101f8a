#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "head/rollout/records.h"

namespace mangrove::head {

/// Slurm as the scheduler, by scontrol(1). `--drain slurm` drains a node with the reason "mangrove:ROLLOUT",
/// waits until its jobs have ended, and resumes it at the end; `--restart slurm` has the RebootProgram of
/// slurm.conf restart it. Before any restart of such a node Slurm must say that it is drained and has no
/// jobs. A node that is drained or down with another reason is left alone.
///
/// Slurm's own `scontrol reboot ASAP nextstate=DOWN` would decide by itself when to restart, and a node that
/// is DOWN comes back without the rollout where ReturnToService is 2; so the drain is one of ours, which a
/// reboot keeps.

/// A node as `scontrol show node --oneliner` prints it.
struct SlurmNode {
    std::string name;
    std::string host = {};                          ///< NodeHostName
    std::set<std::string, std::less<>> states = {}; ///< "IDLE", "DRAIN", "REBOOT_ISSUED"
    std::string reason = {};                        ///< without who set it when
    bool has_jobs = false;                          ///< running, ending or suspended

    bool operator==(const SlurmNode&) const = default;
};

/// Returns the nodes of the lines that are ones of nodes.
std::vector<SlurmNode> parse_slurm_nodes(std::string_view printed);

/// Runs scontrol with further words, and returns what it prints.
using RunScontrol = std::function<Result<std::string>(const std::vector<std::string>& words)>;

/// `program`: the words that run it.
RunScontrol run_scontrol(const std::vector<std::string>& program);

struct SlurmOutcome {
    struct Told {
        Action action;
        NodeEvent event;
    };
    std::vector<Told> events = {};
    std::vector<Action> cleared = {};       ///< restarts by somebody else that may be done now
    std::vector<std::string> commands = {}; ///< that changed something
    std::string problem = {};               ///< why Slurm does not answer, or refused a command
};

/// Does in Slurm what actions need next, all at once. Each depends only on what Slurm says of the node, so
/// this is called time and again until the event of the action comes; who dies in between, and asks again,
/// does no harm.
SlurmOutcome take_in_slurm(const std::vector<Action>& actions, const RunScontrol& scontrol);

/// Checks that Slurm can restart nodes. No error where it does not answer: that is tried again later.
Result<> check_reboot_program(const RunScontrol& scontrol);

} // namespace mangrove::head
