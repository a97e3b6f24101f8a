#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/nodes/changes.h"
#include "head/nodes/operators.h"
#include "head/serve/answers.h"
#include "head/serve/boot_profiles.h"
#include "head/serve/boot_reports.h"
#include "head/serve/meter.h"

/// The API for operators (docs/openapi.yaml). Its functions may wait for the database.
namespace mangrove::head {

/// The daemon, as the API sees it. Both functions can be called from any thread.
struct ServiceState {
    std::string problem;   ///< why what is served is not up to date; empty: it is
    uint64_t deferred = 0; ///< requests of nodes that had to wait since the start
    size_t waiting = 0;    ///< nodes that wait for their turn to start
};
struct Daemon {
    std::function<std::shared_ptr<const BootTable>()> table;
    std::function<ServiceState()> state;
    const BootReports* reports;
    const BootProfiles* profiles;
    const Meter* meter;
    std::string version;
    bool is_open_view = false; ///< whoever reaches the API may read without a token
};

/// One request, with what its route made of it.
struct ApiCall {
    const Asked& asked;
    Operator who;
    std::vector<std::string> names; ///< the parameters of the path, in their order
    std::shared_ptr<Database> database;
    const Daemon& daemon;
    const Directories& directories;

    Author author() const { return {who.name, asked.method + " " + asked.target}; }
};

struct Route {
    const char* method;
    const char* path; ///< "/v1/nodes/{name}"
    Role role;
    Result<Answer> (*run)(ApiCall& call);
};

/// Returns all routes: docs/openapi.yaml describes each of them.
std::span<const Route> api_routes();

/// Several threads can call it.
class Api {
  public:
    Api(Directories directories, Daemon daemon)
        : directories_(std::move(directories)), daemon_(std::move(daemon)) {}

    /// Answers whoever connected to the Unix socket as an administrator, and others by the role of their
    /// token.
    Answer answer(const Asked& asked);

  private:
    Answer answer_path(const Asked& asked, const std::string& path);
    Result<std::shared_ptr<Database>> open();
    Result<Operator> identify(Database& database, const Asked& asked);

    Directories directories_;
    Daemon daemon_;
    std::mutex mutex_;
    std::shared_ptr<Database> database_;
};

} // namespace mangrove::head
