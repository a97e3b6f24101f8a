#include "system/linux/ublk_devices.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/ublk_cmd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "system/linux/command_ring.h"
#include "system/linux/mapping.h"

namespace mangrove {

namespace {

// linux/ublk_cmd.h as Linux 6.5 has it, where the headers are older.
constexpr uint64_t kEncodedCommands = 1 << 6; ///< UBLK_F_CMD_IOCTL_ENCODE
constexpr uint64_t kUserCopy = 1 << 7;        ///< UBLK_F_USER_COPY
constexpr unsigned kTagBits = 25;             ///< UBLK_TAG_OFF

/// A request of a process that has died goes to the next one.
constexpr uint64_t kWanted =
    kEncodedCommands | kUserCopy | UBLK_F_USER_RECOVERY | UBLK_F_USER_RECOVERY_REISSUE;

constexpr uint16_t kDepth = 64; ///< so many requests are under way
constexpr uint32_t kRingDepth = 128;
constexpr uint64_t kControlCookie = UINT64_MAX;
constexpr uint32_t kNewDevice = UINT32_MAX;
constexpr unsigned kSectorShift = 9;

constexpr uint32_t control_code(unsigned command) {
    return _IOWR('u', command, ublksrv_ctrl_cmd);
}
constexpr uint32_t kGetInfo = _IOR('u', UBLK_CMD_GET_DEV_INFO, ublksrv_ctrl_cmd);
constexpr uint32_t kFetch = _IOWR('u', UBLK_IO_FETCH_REQ, ublksrv_io_cmd);
constexpr uint32_t kCommitAndFetch = _IOWR('u', UBLK_IO_COMMIT_AND_FETCH_REQ, ublksrv_io_cmd);

template <typename Struct>
ByteView bytes_of(const Struct& value) {
    return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

/// The driver's commands for one device (or for a new one), over a ring.
class Control {
  public:
    Control(CommandRing& ring, const UniqueFd& control, uint32_t number) : ring_(ring), control_(control) {
        command_.dev_id = number;
        command_.queue_id = UINT16_MAX;
    }
    template <typename Struct>
    Control& with(Struct& buffer) {
        command_.addr = reinterpret_cast<uintptr_t>(&buffer);
        command_.len = sizeof buffer;
        return *this;
    }
    Control& by_this_process() {
        command_.data[0] = static_cast<uint64_t>(::getpid());
        return *this;
    }
    Result<> begin(uint32_t code) {
        return ring_.submit(control_.get(), code, bytes_of(command_), kControlCookie);
    }
    Result<> run(uint32_t code, std::string_view doing) {
        TRY(begin(code));
        CommandEnd end = TRY(ring_.wait());
        if (end.result < 0) return system_error(-end.result, doing);
        return {};
    }

  private:
    CommandRing& ring_;
    const UniqueFd& control_;
    ublksrv_ctrl_cmd command_ = {};
};

class LinuxUblkQueue : public UblkQueue {
  public:
    LinuxUblkQueue(CommandRing ring, UniqueFd device, std::shared_ptr<uint8_t> requests)
        : device_(std::move(device)), requests_(std::move(requests)), ring_(std::move(ring)) {}

    const UniqueFd& descriptor() const override { return ring_.descriptor(); }
    CommandRing& ring() { return ring_; }

    Result<> fetch_all() {
        for (uint16_t tag = 0; tag < kDepth; ++tag)
            TRY(submit(kFetch, tag, 0));
        return {};
    }
    Result<std::optional<UblkRequest>> take() override {
        std::optional<CommandEnd> end = ring_.take();
        if (!end) return std::nullopt;
        if (end->result < 0) return system_error(-end->result, "serving a ublk device");
        if (end->cookie == kControlCookie) return std::nullopt;
        auto tag = static_cast<uint16_t>(end->cookie);
        ublksrv_io_desc request;
        std::memcpy(&request, requests_.get() + tag * sizeof request, sizeof request);
        return UblkRequest{.tag = tag,
                           .is_read = ublksrv_get_op(&request) == UBLK_IO_OP_READ,
                           .offset = request.start_sector << kSectorShift,
                           .length = request.nr_sectors << kSectorShift};
    }
    Result<> answer(uint16_t tag, std::span<const ByteView> parts) override {
        std::vector<iovec> vectors;
        size_t length = 0;
        for (ByteView part : parts) {
            vectors.push_back({const_cast<uint8_t*>(part.data()), part.size()});
            length += part.size();
        }
        off_t place = static_cast<off_t>(UBLKSRV_IO_BUF_OFFSET) + (off_t{tag} << kTagBits);
        ssize_t written = ::pwritev(device_.get(), vectors.data(), static_cast<int>(vectors.size()), place);
        if (written != static_cast<ssize_t>(length))
            return system_error(written < 0 ? errno : EIO, "answering a request of ublk");
        return submit(kCommitAndFetch, tag, static_cast<int32_t>(length));
    }
    Result<> refuse(uint16_t tag, int error) override { return submit(kCommitAndFetch, tag, -error); }

  private:
    Result<> submit(uint32_t code, uint16_t tag, int32_t result) {
        ublksrv_io_cmd command = {};
        command.tag = tag;
        command.result = result;
        return ring_.submit(device_.get(), code, bytes_of(command), tag);
    }

    UniqueFd device_;
    std::shared_ptr<uint8_t> requests_;
    CommandRing ring_;
};

ublk_params parameters_of(uint64_t size, uint32_t longest) {
    ublk_params parameters = {};
    parameters.len = sizeof parameters;
    parameters.types = UBLK_PARAM_TYPE_BASIC;
    ublk_param_basic& basic = parameters.basic;
    basic.attrs = UBLK_ATTR_READ_ONLY;
    basic.logical_bs_shift = basic.physical_bs_shift = basic.io_min_shift = kSectorShift;
    basic.io_opt_shift = kSectorShift;
    basic.max_sectors = longest >> kSectorShift;
    basic.dev_sectors = size >> kSectorShift;
    return parameters;
}

Result<UniqueFd> open_file(const std::string& path, int flags) {
    UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", path);
    return file;
}

} // namespace

Result<UblkDevice> LinuxUblkDevices::add(uint64_t size, uint32_t longest) {
    UblkDevice device = {.control = TRY(open_file("/dev/ublk-control", O_RDWR))};
    CommandRing ring = TRY(CommandRing::make(kRingDepth));
    ublksrv_ctrl_dev_info info = {};
    info.nr_hw_queues = 1;
    info.queue_depth = kDepth;
    info.max_io_buf_bytes = longest;
    info.dev_id = kNewDevice;
    info.flags = kWanted;
    TRY(Control(ring, device.control, kNewDevice)
            .with(info)
            .run(control_code(UBLK_CMD_ADD_DEV), "making a ublk device"));
    device.number = info.dev_id;
    auto prepare = [&]() -> Result<> {
        if ((info.flags & kWanted) != kWanted)
            return permanent_error("ublk: the driver of this kernel is too old; Linux 6.5 has what it needs");
        device.node = TRY(open_file(text("/dev/ublkc", device.number), O_PATH));
        ublk_params parameters = parameters_of(size, longest);
        return Control(ring, device.control, device.number)
            .with(parameters)
            .run(control_code(UBLK_CMD_SET_PARAMS), "describing a ublk device");
    };
    Result<> prepared = prepare();
    if (prepared) return device;
    static_cast<void>(Control(ring, device.control, device.number)
                          .run(control_code(UBLK_CMD_DEL_DEV), "removing a ublk device")
                          .has_value());
    return std::unexpected(prepared.error());
}

Result<std::unique_ptr<UblkQueue>> LinuxUblkDevices::serve(const UblkDevice& device) {
    CommandRing ring = TRY(CommandRing::make(kRingDepth));
    auto control = [&] { return Control(ring, device.control, device.number); };
    ublksrv_ctrl_dev_info info = {};
    TRY(control().with(info).run(kGetInfo, "looking at a ublk device"));
    bool is_new = info.state == UBLK_S_DEV_DEAD;
    if (info.state == UBLK_S_DEV_LIVE) return system_error(EBUSY, "serving a ublk device");
    if (!is_new) TRY(control().run(control_code(UBLK_CMD_START_USER_RECOVERY), "serving a ublk device"));
    // The node itself may be out of sight by now.
    UniqueFd queue = TRY(open_file(text("/proc/self/fd/", device.node.get()), O_RDWR));
    std::shared_ptr<uint8_t> requests =
        TRY(map_file(queue, UBLKSRV_CMD_BUF_OFFSET, kDepth * sizeof(ublksrv_io_desc), PROT_READ),
            "a ublk device");
    auto serving = std::make_unique<LinuxUblkQueue>(std::move(ring), std::move(queue), std::move(requests));
    TRY(serving->fetch_all());
    // It ends when the kernel has looked at the device, for which this process has to answer it.
    TRY(Control(serving->ring(), device.control, device.number)
            .by_this_process()
            .begin(control_code(is_new ? UBLK_CMD_START_DEV : UBLK_CMD_END_USER_RECOVERY)));
    return serving;
}

Result<> LinuxUblkDevices::remove(const UblkDevice& device) {
    CommandRing ring = TRY(CommandRing::make(kRingDepth));
    for (uint32_t code : {control_code(UBLK_CMD_STOP_DEV), control_code(UBLK_CMD_DEL_DEV)})
        TRY(Control(ring, device.control, device.number).run(code, "removing a ublk device"));
    return {};
}

} // namespace mangrove
