#pragma once

#include <memory>

#include "attach/served_device.h"
#include "lazy/serve.h"
#include "lazy/source.h"
#include "machine/watched_connection.h"

namespace mangrove {

/// A block device whose server is a process of ours: one of the boot's at first, then the keeper's.
class ServedFile : public WatchedConnection {
  public:
    ServedFile(std::shared_ptr<const lazy::Source> source, lazy::SharedMemory memory,
               std::unique_ptr<ServedDevice> device)
        : source_(std::move(source)), memory_(std::move(memory)), device_(std::move(device)) {}

    ServedDevice& device() { return *device_; }
    /// Starts the process that serves the device while the root is assembled.
    Result<> start(System& system);
    /// Ends that process.
    void end(System& system);

    std::string name() const override { return source_->name(); }
    Result<> be_patient(System& system) override { return device_->be_patient(system); }
    Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) override;
    bool managed_elsewhere(System&) override { return false; }
    Result<> reconnect(System& system) override { return device_->reconnect(system, memory_.state()); }
    Result<> give_up(System& system) override { return device_->give_up(system); }
    bool looks_after_itself() const override { return true; }
    void look_after(System& system, const Tell& tell) override;
    std::vector<int> descriptors() const override;

  private:
    lazy::ServingEnd serve(System& system, uint32_t generation, lazy::Phase phase, const Tell& tell);
    void end_earlier(System& system);
    uint32_t reconnect_until_done(System& system);

    std::shared_ptr<const lazy::Source> source_;
    lazy::SharedMemory memory_;
    std::unique_ptr<ServedDevice> device_;
};

} // namespace mangrove
