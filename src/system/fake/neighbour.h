#pragma once

#include <string>
#include <sys/types.h>

namespace mangrove {

/// Moves this process into a network namespace of its own, with nothing but a loopback interface that is
/// down. False when that is not permitted.
bool enter_network_namespace();

/// For tests: a shell script in a network namespace of its own, at the other end of a veth cable. The cable's
/// end there is "eth0", with the link down; the one here exists from the beginning. Whatever the script
/// started is killed when this is destroyed.
class Neighbour {
  public:
    Neighbour(const std::string& name_of_our_end, const std::string& script);
    ~Neighbour();
    Neighbour(const Neighbour&) = delete;
    Neighbour& operator=(const Neighbour&) = delete;

  private:
    pid_t process_ = -1;
};

/// Runs a shell command; false when it fails.
bool run_command(const std::string& command);

} // namespace mangrove
