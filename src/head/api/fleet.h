#pragma once

#include <map>
#include <memory>
#include <string>

#include "head/api/api.h"
#include "head/rollout/records.h"

namespace mangrove::head {

/// All nodes with their states, and the rollouts that have not ended, as the page shows them. `by`: the path
/// of the value that places a node ("rack").
class Fleet {
  public:
    Fleet(std::shared_ptr<Database> database, const Daemon& daemon, std::string by)
        : database_(std::move(database)), daemon_(daemon), by_(std::move(by)) {}

    /// Reads what has changed since it was read last.
    Result<> read();
    Json nodes() const;
    Json rollouts() const;

    /// Returns what changed since the last call, as an event stream has it (HTML, 9.2); all of it at first.
    Result<std::string> next();

  private:
    Result<> read_inventory();
    Result<bool> has_inventory_changed();
    Json node_json(const Object& object, Moment now) const;
    std::string next_nodes();
    Result<std::string> next_events();
    std::string next_status();

    std::shared_ptr<Database> database_;
    const Daemon& daemon_;
    std::string by_;
    uint64_t revision_ = 0; ///< of the database, when it was read
    std::unique_ptr<Inventory> inventory_;
    std::map<std::string, std::string> places_; ///< by the node
    Records records_;

    bool is_begun_ = false;                   ///< what follows was told
    std::map<std::string, std::string> told_; ///< nodes, by their names
    std::string told_rollouts_;
    std::string told_status_;
    uint64_t last_event_ = 0;
    uint64_t events_revision_ = 0;
};

} // namespace mangrove::head
