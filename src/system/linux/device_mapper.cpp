#include "system/linux/device_mapper.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"

namespace mangrove {

namespace {

/// A request with targets behind it, where it has some.
class Request {
  public:
    Request(const std::string& name, uint32_t flags, size_t room = 0) : bytes_(sizeof(dm_ioctl) + room) {
        dm_ioctl& header = this->header();
        // The oldest: the kernel takes all up to its own.
        header.version[0] = 4;
        header.data_size = static_cast<uint32_t>(bytes_.size());
        header.data_start = sizeof(dm_ioctl);
        header.flags = flags;
        put(name, header.name);
    }
    dm_ioctl& header() { return *reinterpret_cast<dm_ioctl*>(bytes_.data()); }
    uint8_t* data() { return bytes_.data() + sizeof(dm_ioctl); }

    template <size_t size>
    static void put(const std::string& word, char (&to)[size]) {
        std::copy_n(word.begin(), std::min(word.size(), size - 1), to);
    }

    Result<> send(unsigned long command, const std::string& operation) {
        UniqueFd control(::open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
        if (!control.is_open()) return system_error(errno, "opening /dev/mapper/control");
        // The command is an int of musl's ioctl(2), in which it has no place, and an unsigned long of
        // glibc's.
        if (::syscall(SYS_ioctl, control.get(), command, bytes_.data()) != 0)
            return system_error(errno, operation);
        return {};
    }

  private:
    Bytes bytes_;
};

/// Makes the device without a target; returns its path.
Result<std::string> make(const MappedDeviceRequest& wanted, const std::string& operation) {
    Request request(wanted.name, DM_READONLY_FLAG);
    Request::put(wanted.uuid, request.header().uuid);
    TRY(request.send(DM_DEV_CREATE, operation));
    // As the kernel's huge_encode_dev() has it.
    uint64_t number = request.header().dev;
    return text("/dev/dm-", (number & 0xff) | (number >> 12 & 0xfff00));
}

size_t room_of(const MappedTarget& target) {
    constexpr size_t kAlignment = 8;
    size_t size = sizeof(dm_target_spec) + target.parameters.size() + 1;
    return (size + kAlignment - 1) / kAlignment * kAlignment;
}

Result<> load(const MappedDeviceRequest& wanted, const std::string& operation) {
    size_t room = 0;
    for (const MappedTarget& target : wanted.targets)
        room += room_of(target);
    Request request(wanted.name, DM_READONLY_FLAG, room);
    request.header().target_count = static_cast<uint32_t>(wanted.targets.size());
    uint8_t* place = request.data();
    uint64_t begin = 0;
    for (const MappedTarget& target : wanted.targets) {
        auto& specification = *reinterpret_cast<dm_target_spec*>(place);
        specification.sector_start = begin;
        specification.length = target.sectors;
        specification.next = static_cast<uint32_t>(room_of(target));
        Request::put(target.kind, specification.target_type);
        std::ranges::copy(target.parameters, place + sizeof specification);
        begin += target.sectors;
        place += room_of(target);
    }
    TRY(request.send(DM_TABLE_LOAD, operation));
    // Without DM_SUSPEND_FLAG it resumes, with the table that was loaded.
    return Request(wanted.name, 0).send(DM_DEV_SUSPEND, operation);
}

} // namespace

Result<std::string> LinuxDeviceMapper::create(const MappedDeviceRequest& wanted) {
    std::string operation = text("making the ", wanted.targets[0].kind, " device ", wanted.name);
    std::string device = TRY(make(wanted, operation));
    Result<> loaded = load(wanted, operation);
    if (loaded) return device;
    static_cast<void>(remove(wanted.name).has_value());
    return std::unexpected(loaded.error());
}

Result<> LinuxDeviceMapper::remove(const std::string& name) {
    return Request(name, 0).send(DM_DEV_REMOVE, "removing the mapped device " + name);
}

} // namespace mangrove
