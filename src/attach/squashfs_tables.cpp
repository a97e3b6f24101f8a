#include "attach/squashfs_tables.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "attach/attach.h"
#include "attach/mapped_device.h"
#include "base/log.h"
#include "mount/mount.h"

// squashfs reads its tables past the page cache, and keeps some blocks of them only: a boot reads each block
// many times. A loop device on a file in memory has them, and dm-linear puts it behind the data.

namespace mangrove {

namespace {

constexpr size_t kSuperblock = 96;
constexpr uint64_t kPage = 4096;
/// Images of some ten gigabytes have as much.
constexpr uint64_t kMostInMemory = 16 << 20;
/// The kernel's largest block device.
constexpr uint64_t kLargestImage = std::numeric_limits<int64_t>::max();

/// Numbers are little-endian.
uint64_t number_in(std::string_view bytes, size_t offset, size_t size) {
    uint64_t number = 0;
    for (size_t i = size; i > 0; --i)
        number = number << 8 | static_cast<uint8_t>(bytes[offset + i - 1]);
    return number;
}

uint64_t rounded_up(uint64_t bytes) {
    return (bytes + kPage - 1) / kPage * kPage;
}

Result<> load_modules(System& system) {
    TRY(system.load_module("dm-mod"));
    return system.load_module("loop");
}

/// In a process that can be given up.
Result<> copy_tables(System& system, const std::string& device, const SquashfsTables& part,
                     const std::string& file) {
    constexpr uint64_t kPiece = 1 << 20;
    constexpr std::chrono::minutes kTimeToCopy{2};
    return run_bounded(system, text("reading the tables of the squashfs on ", device), kTimeToCopy,
                       [&]() -> Result<> {
                           for (uint64_t at = part.begin; at < part.end; at += kPiece) {
                               size_t size = std::min(kPiece, part.end - at);
                               std::string bytes = TRY(system.read_part(device, at, size));
                               if (bytes.size() != size)
                                   return transient_error(device, " ends at byte ", at + bytes.size());
                               TRY(system.append_file(file, as_bytes(bytes)));
                           }
                           return {};
                       });
}

/// A device over a verified one shows verified data, too.
void note_verified(Boot& boot, const std::string& device, const std::string& made, Undo& undo) {
    std::vector<VerifiedDevice>& verified = boot.timeline.verified;
    auto below = std::ranges::find(verified, device, &VerifiedDevice::device);
    if (below == verified.end()) return;
    VerifiedDevice above = *below;
    above.device = made;
    above.data = device;
    verified.push_back(std::move(above));
    undo.push("forgetting " + made, [&verified, made]() -> Result<> {
        std::erase_if(verified, [&](const VerifiedDevice& one) { return one.device == made; });
        return {};
    });
}

Result<std::string> make_device(Boot& boot, const std::string& device, const SquashfsTables& part,
                                Undo& undo) {
    System& system = boot.system;
    // It cannot grow, and goes as a whole.
    std::string size = text(part.end - part.begin + kPage);
    std::string file = TRY(make_tmpfs(system, "tables", size, undo)) + "/tables";
    TRY(copy_tables(system, device, part, file));
    std::string loop = TRY(system.attach_loop({.file = file}));
    undo.push("detaching " + loop, [&system, loop] { return system.detach_loop(loop); });
    TRY(wait_for_device(system, loop));
    MappedDeviceRequest request = {
        .targets = {
            {"linear", TRY(read_device_attribute(system, device, "dev")) + " 0", part.begin / kSectorSize},
            {"linear", TRY(read_device_attribute(system, loop, "dev")) + " 0",
             (part.end - part.begin) / kSectorSize}}};
    std::string made = TRY(create_mapped(system, request, "MANGROVE-TABLES-"));
    undo.push("removing " + made, [&system, name = request.name] { return remove_mapped(system, name); });
    TRY(wait_for_device(system, made));
    note_verified(boot, device, made, undo);
    return made;
}

} // namespace

std::optional<SquashfsTables> squashfs_tables_in(std::string_view superblock) {
    constexpr std::string_view kMagic = "hsqs";
    constexpr size_t kMajor = 28, kUsed = 40, kInodes = 64;
    if (superblock.size() < kSuperblock || !superblock.starts_with(kMagic)) return std::nullopt;
    if (number_in(superblock, kMajor, 2) != 4) return std::nullopt;
    uint64_t inodes = number_in(superblock, kInodes, 8);
    uint64_t used = number_in(superblock, kUsed, 8);
    if (used > kLargestImage) return std::nullopt;
    if (inodes < kSuperblock || inodes >= used || used - inodes > kMostInMemory) return std::nullopt;
    return SquashfsTables{.begin = inodes / kPage * kPage, .end = rounded_up(used)};
}

Result<std::string> hold_squashfs_tables(Boot& boot, const std::string& device, Undo& undo) {
    System& system = boot.system;
    std::string superblock = TRY(system.run_bounded("reading the superblock of " + device, kTimeToAnswer,
                                                    [&] { return system.read_part(device, 0, kPage); }));
    std::optional<SquashfsTables> part = squashfs_tables_in(superblock);
    if (!part || part->begin == 0 || part->end > TRY(size_of_device(system, device))) return device;
    if (Result<> loaded = load_modules(system); !loaded) {
        log_notice("the tables of the squashfs stay on ", device, ": ", loaded.error().what);
        return device;
    }
    Undo own;
    Result<std::string> made = make_device(boot, device, *part, own);
    if (!made) {
        // The mount has its own word for a device that cannot be read.
        log_warning("the tables of the squashfs stay on ", device, ": ", made.error().what);
        own.run();
        return device;
    }
    undo.append(std::move(own));
    log_notice("the tables of the squashfs on ", device, " are in memory, ", (part->end - part->begin) / 1024,
               " KiB");
    return made;
}

} // namespace mangrove
