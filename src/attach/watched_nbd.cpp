#include "attach/watched_nbd.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "attach/nbd_connection.h"
#include "base/log.h"
#include "machine/connections.h"
#include "system/nbd_devices.h"

namespace mangrove {

namespace {

class WatchedNbd : public WatchedConnection {
  public:
    WatchedNbd(definition::Nbd wanted, uint32_t device, NbdShape shape)
        : wanted_(std::move(wanted)), device_(device), shape_(shape) {}

    std::string name() const override {
        return text("NBD export '", wanted_.export_name, "' of ", wanted_.host);
    }

    Result<> be_patient(System& system) override {
        return system.nbd_devices().set_dead_timeout(device_, nbd_dead_timeout(wanted_));
    }

    Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) override {
        // Only a device that is connected has this file.
        TRY(system.read_file(text("/sys/block/nbd", device_, "/pid")));
        if (!std::exchange(has_begun_, true)) learn_beginning(system);
        if (TRY(missed_a_loss(system))
            || TRY(system.nbd_devices().wait_for_dead_connection(device_, deadline)))
            return "a connection to the server is dead";
        return std::nullopt;
    }

    bool managed_elsewhere(System&) override { return false; }

    Result<> reconnect(System& system) override {
        // The kernel does not tell how many are dead, but when it has no more use for a new one.
        for (size_t replaced = 0; replaced < shape_.connections; ++replaced) {
            Result<NbdConnection> connection = connect_again(system);
            // A server that is full has no connection to ask the kernel with.
            if (!connection && replaced > 0 && has_all(system).value_or(false)) break;
            TRY(check_size(connection));
            TRY(check_beginning(system, *connection));
            Result<> taken = system.nbd_devices().replace_dead(device_, std::move(connection->socket));
            if (!taken && taken.error().code == ENOSPC) break;
            TRY(std::move(taken));
        }
        can_count_ = has_all(system).value_or(false);
        // There was a word for each that was replaced. One of a later death may be among them: that is
        // counted.
        while (can_count_ && TRY(system.nbd_devices().wait_for_dead_connection(device_, system.now()))) {
        }
        return {};
    }

    Result<> give_up(System& system) override { return system.nbd_devices().disconnect(device_); }

  private:
    /// The kernel tells once, only who listens then, and nobody when it has no memory for it. Connections of
    /// another device to the same port can hide one that is missing; to ask the server instead would take a
    /// connection that it may not have.
    Result<bool> missed_a_loss(System& system) {
        // To listen from before the count on.
        if (TRY(system.nbd_devices().wait_for_dead_connection(device_, system.now()))) return true;
        return can_count_ && !has_all(system).value_or(true);
    }

    Result<bool> has_all(System& system) {
        return TRY(count_connections(system, wanted_.port)) >= shape_.connections;
    }

    /// The name server can be away as well: then it is where it was. Never where the name has left: what is
    /// there now may be an older copy.
    Result<NbdConnection> connect_again(System& system) {
        Result<std::vector<IpAddress>> named = system.network().resolve(wanted_.host);
        bool is_known = named && !named->empty();
        Result<NbdConnection> connection =
            is_known ? connect_nbd(system, wanted_) : connect_nbd(system, wanted_, shape_.address);
        if (connection) shape_.address = connection->address;
        return connection;
    }

    Result<> check_size(const Result<NbdConnection>& connection) {
        if (!connection) return std::unexpected(connection.error());
        if (connection->found.size == shape_.size) return {};
        return permanent_error("the size of the export changed from ", shape_.size, " to ",
                               connection->found.size, " bytes");
    }

    /// In the tree of the running system, which residents don't see.
    void learn_beginning(System& system) {
        constexpr seconds kTimeToRead{10};
        constexpr size_t kPage = 4096;
        std::string device = text("/proc/1/root/dev/nbd", device_);
        if (!shape_.is_read_only) return;
        Result<std::string> page =
            system.run_bounded("reading " + device, kTimeToRead,
                               [&]() -> Result<std::string> { return system.read_part(device, 0, kPage); });
        if (page)
            beginning_ = *page;
        else
            log_notice(page.error().what, ", ignoring: a replaced image will not be noticed when "
                                          "the keeper reconnects");
    }

    /// NBD has no names for disks.
    Result<> check_beginning(System& system, const NbdConnection& connection) {
        if (beginning_.empty()) return {};
        Bytes now = TRY(read_beginning(system, connection, static_cast<uint32_t>(beginning_.size())));
        if (std::ranges::equal(now, as_bytes(beginning_))) return {};
        return permanent_error("the export holds a different image than at boot; serve the original image or "
                               "restart the machine");
    }

    definition::Nbd wanted_;
    uint32_t device_;
    NbdShape shape_;
    bool has_begun_ = false;
    std::string beginning_; ///< of what never changes; empty where it is not known
    bool can_count_ = true; ///< when all are there, as many are counted
};

} // namespace

seconds nbd_dead_timeout(const definition::Nbd& wanted) {
    // The kernel knows no "for ever".
    constexpr seconds kTenYears{std::chrono::hours(24 * 3650)};
    return wanted.replacement_timeout < 0 ? kTenYears : seconds(wanted.replacement_timeout);
}

std::shared_ptr<WatchedConnection> watch_nbd(definition::Nbd wanted, uint32_t device, NbdShape shape) {
    return std::make_shared<WatchedNbd>(std::move(wanted), device, shape);
}

} // namespace mangrove
