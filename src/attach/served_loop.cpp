#include <sys/mount.h>
#include <utility>

#include "attach/attach.h"
#include "attach/served_device.h"
#include "lazy/fuse_channel.h"
#include "machine/run_files.h"
#include "system/fuse_connections.h"

// The device of a served file where the kernel has no nbd: a loop device on the only file of a mount of FUSE,
// which is out of the tree again as soon as the loop device holds it. So no init unmounts it, and it ends
// with the loop device.

namespace mangrove {

namespace {

constexpr seconds kTimeToDetach{5};

class ServedLoop : public ServedDevice {
  public:
    ServedLoop(UniqueFd connection, uint64_t size) : size_(size) { connection_ = std::move(connection); }

    Result<std::string> attach(System& system) override {
        std::string file = text(kRunDirectory, "/served-file");
        TRY(system.make_directory(kRunDirectory));
        TRY(system.write_file(file, ""));
        TRY(system.mount(
            {.source = "mangrove",
             .target = file,
             .type = "fuse",
             .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
             .options = text("fd=", connection_.get(),
                             ",rootmode=100444,user_id=0,group_id=0,max_read=", kLongestServedRead)}));
        mount_ = file;
        device_ = TRY(attach_loop(system, file));
        TRY(hide(system));
        return device_;
    }
    Result<> detach(System& system) override {
        Result<> hidden = hide(system);
        if (device_.empty()) return hidden;
        return run_bounded(system, "detaching " + device_, kTimeToDetach,
                           [&] { return system.detach_loop(device_); });
    }
    /// The kernel knows no timeout of FUSE: its server is the one that waits.
    Result<> be_patient(System&) override { return {}; }
    /// A machine ends without it as well.
    Result<> give_up(System&) override { return {}; }
    bool is_gone(System&, std::optional<lazy::ServingEnd> end) const override {
        return end == lazy::ServingEnd::let_go;
    }

    std::unique_ptr<lazy::KernelChannel> open_channel(System& system,
                                                      lazy::SharedState& state) const override {
        return std::make_unique<lazy::FuseChannel>(system, state, connection_, size_);
    }
    /// Each message is one call, so that there is no midst of one.
    bool is_outdated(const lazy::SharedState&) const override { return false; }
    Result<> reconnect(System&, lazy::SharedState&) override { return {}; }

  private:
    /// Takes the mount out of the tree.
    Result<> hide(System& system) {
        if (mount_.empty()) return {};
        TRY(system.unmount_tree(mount_));
        mount_.clear();
        return {};
    }
    static Result<std::string> attach_loop(System& system, const std::string& file) {
        return system.run_bounded("attaching " + file, kTimeToAnswer, [&]() -> Result<std::string> {
            // The kernel asks for the size of the file when somebody looks at it, and the loop device does
            // not.
            if (system.path_kind(file) == PathKind::missing)
                return transient_error(file, " did not get its size from its server");
            // Past the page cache of the file, for the device has its own.
            return system.attach_loop({.file = file, .direct_io = true});
        });
    }

    uint64_t size_;
    std::string mount_; ///< as long as it is in the tree
    std::string device_;
};

} // namespace

Result<std::unique_ptr<ServedDevice>> open_served_loop(System& system, uint64_t size) {
    return std::make_unique<ServedLoop>(TRY(system.fuse_connections().open()), size);
}

} // namespace mangrove
