#include <algorithm>
#include <cerrno>
#include <map>
#include <mbedtls/base64.h>

#include "attach/attach.h"
#include "attach/kernel_words.h"
#include "attach/rbd_map_line.h"
#include "base/log.h"
#include "system/network.h"

// The attachment `rbd` (docs/schemes/rbd.md): an image of a Ceph pool, mapped by the kernel's own client
// (krbd) through sysfs, as rbd(8) does it. The kernel connects again by itself. Reads `monitors`, `pool`,
// `image`, `snapshot` and `options`. The CephX key goes through the kernel's keyring, for config_info shows
// the line for ever.

namespace mangrove {

namespace {

constexpr const char* kBus = "/sys/bus/rbd/";
/// Once the monitors answered, krbd reads the image's header, and waits for its OSD for ever.
constexpr seconds kOsdTimeout{15};

/// The kernel would look for these with a modprobe that is not there. Not each is in every kernel, or is
/// built in: what is missing in earnest shows when the image is mapped.
void load_crypto(System& system) {
    for (const char* name : {"crypto-aes", "crypto-cbc", "crypto-hmac", "crypto-sha256", "crypto-gcm",
                             "crypto-ghash", "crypto-ctr", "crypto-crc32c"})
        static_cast<void>(system.load_module(name).has_value());
}

/// All addresses of all monitors; a name that cannot be resolved is passed over while another one can.
Result<std::vector<MonitorAddress>> find_monitors(System& system, const definition::Rbd& wanted) {
    std::vector<MonitorAddress> found;
    Result<> problem = permanent_error("no monitors given");
    for (const definition::Monitor& monitor : wanted.monitors) {
        Result<std::vector<IpAddress>> addresses = system.network().resolve(monitor.host);
        if (!addresses) {
            problem = std::unexpected(addresses.error());
            continue;
        }
        for (const IpAddress& address : *addresses)
            found.push_back({address, monitor.port.value_or(default_monitor_port(wanted))});
    }
    if (found.empty()) TRY(std::move(problem), "looking for the monitors");
    constexpr size_t kMaximum = 31; // CEPH_MAX_MON
    found.resize(std::min(found.size(), kMaximum));
    return found;
}

Result<std::optional<KernelKey>> kernel_key(const definition::Rbd& wanted) {
    if (wanted.secret.empty()) return std::nullopt;
    KernelKey key = {.type = "ceph", .description = rbd_key_name(wanted), .payload = {}};
    key.payload.resize(wanted.secret.size());
    size_t length = 0;
    if (mbedtls_base64_decode(key.payload.data(), key.payload.size(), &length, as_bytes(wanted.secret).data(),
                              wanted.secret.size())
        != 0)
        return permanent_error("options.secret is not a CephX key: invalid base64");
    key.payload.resize(length);
    return key;
}

constexpr std::string_view kSpeakers[] = {"rbd: ", "libceph: "};

/// krbd says what is wrong with an errno and, sometimes, a line in the log.
std::string explanation(int code, const definition::Rbd& wanted, const std::string& said) {
    constexpr std::string_view kFeatures = "unsupported features: 0x";
    if (size_t at = said.find(kFeatures); code == ENXIO && at != std::string::npos) {
        std::string_view digits = std::string_view(said).substr(at + kFeatures.size());
        std::optional<uint64_t> mask =
            parse_number(digits.substr(0, digits.find_first_not_of("0123456789abcdef")), 16);
        if (mask)
            return "the image uses features that this kernel does not support: " + rbd_feature_names(*mask);
    }
    if (code == ENOENT)
        return text("image '", wanted.image, "' not found in pool '", wanted.pool, "'",
                    wanted.snapshot.empty() ? "" : ", or it has no snapshot '" + wanted.snapshot + "'",
                    ", or there is no such pool");
    if (code == EACCES || code == EPERM)
        return text("the cluster refused ", rbd_key_name(wanted), ": wrong key, or no permission for pool '",
                    wanted.pool, "'");
    if (code == EKEYREJECTED) return "options.secret is not a CephX key: it is damaged";
    if (code == ETIME) return "the monitors answer, but no OSD that holds the image does";
    if (code == ETIMEDOUT || code == EIO) return "no monitor answered (mount_timeout)";
    return said;
}

Result<> map(System& system, const definition::Rbd& wanted, const std::string& line) {
    std::string attribute = std::string(kBus) + "add_single_major";
    if (system.path_kind(attribute) == PathKind::missing) attribute = std::string(kBus) + "add";
    std::string before = TRY(system.kernel_log());
    BoundedWrite request = {.path = attribute,
                            .value = line,
                            .time_limit = rbd_monitor_timeout(wanted) + kOsdTimeout,
                            .key = TRY(kernel_key(wanted))};
    Result<> mapped = system.write_bounded(request);
    if (request.key) std::ranges::fill(request.key->payload, uint8_t{0});
    if (mapped) return {};
    Error error = mapped.error();
    std::string why =
        error.code == 0 ? "" : explanation(error.code, wanted, kernel_words(system, before, kSpeakers));
    if (!why.empty()) error.what = why + " (" + error.what + ")";
    return std::unexpected(std::move(error));
}

constexpr const char* kDevices = "/sys/bus/rbd/devices";

/// By their numbers, what the kernel calls no other disk (diskseq, since 5.15): a number is free again once a
/// device that waited for its OSD was unmapped after all. Empty while it is on its way.
using Devices = std::map<std::string, std::string>;

Result<Devices> list_devices(System& system) {
    Devices devices;
    for (const std::string& number : TRY(system.list_directory(kDevices))) {
        std::string attribute = text("/sys/block/rbd", number, "/diskseq");
        bool is_told = system.path_kind(attribute) != PathKind::missing;
        devices[number] = is_told ? system.read_file(attribute).value_or("") : "";
    }
    return devices;
}

/// The numbers of the devices that were not there `before`: krbd does not tell the number of the one it made.
Result<std::vector<std::string>> new_devices(System& system, const Devices& before) {
    std::vector<std::string> numbers;
    for (const auto& [number, sequence] : TRY(list_devices(system))) {
        auto known = before.find(number);
        if (known == before.end() || (!sequence.empty() && sequence != known->second))
            numbers.push_back(number);
    }
    return numbers;
}

enum class Patience { when_closed, at_any_price };

/// udev opens a device when it appears and when it was closed, and krbd unmaps none that is open.
Result<> unmap_one(System& system, BoundedWrite request, Patience patience) {
    constexpr seconds kTimeForUdev{5};
    constexpr seconds kTimeToForce{1};
    constexpr milliseconds kPause{50};
    Deadline deadline = system.now() + kTimeForUdev;
    for (;;) {
        Result<> unmapped = system.write_bounded(request);
        if (unmapped || unmapped.error().code != EBUSY) return unmapped;
        if (system.now() >= deadline && patience == Patience::when_closed) return unmapped;
        if (system.now() >= deadline) break;
        system.sleep(kPause);
    }
    // Something still waits for an OSD that is away. So asked, the kernel lets nobody else wait, and unmaps
    // it when the OSD has answered (Documentation/ABI/testing/sysfs-bus-rbd).
    request.value += " force";
    request.time_limit = kTimeToForce;
    return system.write_bounded(request);
}

Result<> unmap(System& system, const Devices& before, Patience patience) {
    std::string attribute = std::string(kBus) + "remove_single_major";
    if (system.path_kind(attribute) == PathKind::missing) attribute = std::string(kBus) + "remove";
    for (const std::string& number : TRY(new_devices(system, before)))
        TRY(unmap_one(system, {.path = attribute, .value = number, .time_limit = kOsdTimeout}, patience));
    return {};
}

} // namespace

Result<std::string> attach(Boot& boot, const definition::Rbd& wanted, Undo& undo) {
    System& system = boot.system;
    load_crypto(system);
    TRY(system.load_module("rbd", "single_major=Y"));
    std::string line = TRY(rbd_map_line(wanted, TRY(find_monitors(system, wanted))));
    Devices before = TRY(list_devices(system));
    TRY(map(system, wanted, line), "mapping ", wanted.pool, "/", wanted.image);
    undo.push(text("unmapping ", wanted.pool, "/", wanted.image),
              [&system, before] { return unmap(system, before, Patience::at_any_price); });
    std::vector<std::string> numbers = TRY(new_devices(system, before));
    if (numbers.empty()) return permanent_error("krbd mapped ", wanted.image, ", but no device appeared");
    std::string device = "/dev/rbd" + numbers.front();
    TRY(wait_for_device(system, device));
    log_notice("image ", wanted.image, " of the pool ", wanted.pool, " is ", device);
    return device;
}

Result<> release(System& system, const Attached<definition::Rbd>& chosen) {
    if (system.path_kind(kDevices) != PathKind::directory) return {};
    Devices others = TRY(list_devices(system));
    std::erase_if(others, [&](const auto& one) { return chosen.includes("/dev/rbd" + one.first); });
    // The root's last writes may still be on their way.
    return unmap(system, others, Patience::when_closed);
}

} // namespace mangrove
