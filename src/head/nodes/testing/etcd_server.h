#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {

/// A real etcd on the loopback, with its data in a directory of its own. It ends with this process, however
/// that ends.
class EtcdServer {
  public:
    explicit EtcdServer(std::vector<std::string> options = {});
    EtcdServer(const EtcdServer&) = delete;
    EtcdServer& operator=(const EtcdServer&) = delete;
    ~EtcdServer();

    static bool is_installed();
    /// One for all tests of the process.
    static EtcdServer& shared();

    std::string endpoint() const; ///< "127.0.0.1:23456"
    std::string url(const std::string& prefix) const { return "etcd://" + endpoint() + "/" + prefix; }
    /// Kills it with SIGKILL.
    void kill();
    /// Starts it again, at the same place, and waits until it serves.
    void restart();

  private:
    void launch();
    bool is_serving() const;
    bool is_alive() const;

    Stage stage_ = make_test_directory();
    std::vector<std::string> options_;
    int port_ = 0;
    int peer_port_ = 0;
    pid_t process_ = -1;
};

/// A port of the loopback at which nobody listens.
int free_port();

} // namespace mangrove::head
