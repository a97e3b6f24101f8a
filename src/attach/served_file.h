#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "lazy/serve.h"
#include "lazy/source.h"
#include "machine/watched_connection.h"

namespace mangrove {

/// An NBD device whose server is a process of ours: one of the boot's at first, then the keeper's.
class ServedFile : public WatchedConnection {
  public:
    ServedFile(std::shared_ptr<const lazy::Source> source, lazy::SharedMemory memory, UniqueFd connection,
               uint32_t device)
        : source_(std::move(source)), memory_(std::move(memory)), connection_(std::move(connection)),
          device_(device) {}

    /// Starts the process that serves the device while the root is assembled.
    Result<> start(System& system);
    /// Ends that process.
    void end(System& system);

    std::string name() const override { return source_->name(); }
    Result<> be_patient(System& system) override;
    Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) override;
    bool managed_elsewhere(System&) override { return false; }
    Result<> reconnect(System& system) override;
    Result<> give_up(System& system) override;
    bool looks_after_itself() const override { return true; }
    void look_after(System& system, const Tell& tell) override;
    std::vector<int> descriptors() const override { return {connection_.get()}; }

  private:
    bool is_attached(System& system) const;
    void end_earlier(System& system);
    uint32_t reconnect_until_done(System& system);

    std::shared_ptr<const lazy::Source> source_;
    lazy::SharedMemory memory_;
    UniqueFd connection_;
    uint32_t device_;
    uint32_t number_ = 0; ///< of the connection that this process has
};

} // namespace mangrove
