#pragma once

#include <string>

#include "live/node_files.h"
#include "root/server_unit.h"
#include "system/system.h"

namespace mangrove {

/// Keeps the files of the running node as the server has them.
class Poll {
  public:
    Poll(System& system, NodeFiles& files, definition::NodeServer server);

    /// Asks the server once and applies what it sends. Returns how long to wait for the next round: the
    /// interval, or what the server asks for. Failures are logged once, until they change.
    seconds round();
    const LiveState& state() const { return state_; }

  private:
    void look();
    seconds ask();
    Result<> take(const std::string& version);
    void note_missing();
    void note_error(const std::string& what);
    void note_success();
    void log_left(const std::map<std::string, LeftFile>& before) const;

    System& system_;
    NodeFiles& files_;
    definition::NodeServer server_;
    LiveState state_;
};

/// Runs a round at once, one at a random moment of the interval, then one after each interval.
void keep_files(System& system, Poll& poll, const std::function<bool()>& goes_on);

} // namespace mangrove
