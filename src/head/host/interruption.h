#pragma once

#include <csignal>

namespace mangrove::head {

/// While it lives, Ctrl-C (SIGINT) and SIGTERM do not end the process but are noted, so that what was begun
/// is rolled back. Programs that it runs get Ctrl-C from the terminal themselves.
class Interruption {
  public:
    Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
    ~Interruption();

    static bool has_come();

  private:
    struct sigaction interrupt_ = {};
    struct sigaction terminate_ = {};
};

} // namespace mangrove::head
