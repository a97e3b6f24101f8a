#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "head/host/directories.h"
#include "head/nodes/discovered.h"
#include "head/serve/boot_profiles.h"
#include "head/serve/boot_reports.h"
#include "head/serve/meter.h"
#include "head/serve/prepare.h"

namespace mangrove::head {

/// Works beside the thread that answers: it prepares the table again when anything changes, and writes down
/// machines that it does not know and reports. It has a thread and a database of its own.
class Worker {
  public:
    Worker(Settings settings, Directories directories, Preparer preparer, BootReports& reports,
           const BootProfiles& profiles, Meter& meter);
    ~Worker();

    /// Prepares the first table; one that is empty where the database cannot be read yet.
    Result<> start();
    void stop();
    /// Never nullptr after start.
    std::shared_ptr<const BootTable> table() const { return table_.load(); }
    /// Returns why the table is not up to date; empty: it is.
    std::string problem() const;

    void note(Discovered machine);
    void keep_report(std::string node, std::string report);

  private:
    void run();
    Result<> open();
    Result<> prepare();
    Result<bool> has_changed();
    Result<> update();
    void write_down();
    Result<> write_reports(std::multimap<std::string, std::string>& reports);
    Result<> write_seen(const std::map<std::string, Discovered>& seen);
    void set_problem(std::string problem);

    Settings settings_;
    Directories directories_;
    Preparer preparer_;
    BootReports& kept_reports_;
    const BootProfiles& kept_profiles_;
    Meter& meter_;
    std::unique_ptr<Database> database_;
    uint64_t revision_ = 0;
    std::string state_of_files_;
    bool can_write_ = true; ///< reports and machines
    std::atomic<std::shared_ptr<const BootTable>> table_;

    mutable std::mutex mutex_; ///< of what follows
    std::string problem_;
    std::map<std::string, Discovered> seen_;
    std::map<std::string, std::chrono::steady_clock::time_point> noted_; ///< when, by the MAC address
    std::multimap<std::string, std::string> reports_;                    ///< by the node, the last one last
    std::jthread thread_;
};

} // namespace mangrove::head
