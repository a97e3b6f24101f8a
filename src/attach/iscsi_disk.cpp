#include "attach/iscsi_disk.h"

#include <algorithm>

#include "base/log.h"

namespace mangrove {

namespace {

constexpr seconds kDiskTimeout{10};

// SAM-5 section 4.7.5: the two bits above the number of a LUN in the flat space.
constexpr uint64_t kFlatSpace = 0x4000;
constexpr uint64_t kFlatSpaceMask = 0xc000;

/// A logical unit as the kernel shows it: H:C:T:L.
struct Unit {
    std::string directory;
    uint64_t kernel_lun = 0;
};

/// The kernel's numbers for a LUN, in the order to try: targets address those from 256 in the flat space
/// (tgt) or as they are (LIO).
std::vector<uint64_t> kernel_numbers(uint64_t lun) {
    if (lun < 256 || lun >= kFlatSpace) return {lun};
    return {lun | kFlatSpace, lun};
}

uint64_t shown_number(uint64_t kernel_lun) {
    bool is_flat = kernel_lun <= 0xffff && (kernel_lun & kFlatSpaceMask) == kFlatSpace;
    return is_flat ? kernel_lun & ~kFlatSpaceMask : kernel_lun;
}

Result<> scan(System& system, const iscsi::Session& session, const std::string& what) {
    return system.write_attribute(text("/sys/class/scsi_host/host", session.number.host, "/scan"), what);
}

Result<std::vector<Unit>> list_units(System& system, const iscsi::Session& session) {
    std::vector<Unit> units;
    for (const std::string& target : TRY(system.list_directory(session.directory()))) {
        if (!target.starts_with("target")) continue;
        std::string target_directory = text(session.directory(), "/", target);
        for (const std::string& name : TRY(system.list_directory(target_directory))) {
            std::vector<std::string> numbers = split(name, ':');
            if (numbers.size() != 4) continue;
            std::optional<uint64_t> lun = parse_number(numbers.back());
            if (lun) units.push_back({text(target_directory, "/", name), *lun});
        }
    }
    std::sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) {
        return shown_number(a.kernel_lun) < shown_number(b.kernel_lun);
    });
    return units;
}

Result<std::optional<Unit>> find_unit(System& system, const iscsi::Session& session, uint64_t kernel_lun) {
    for (Unit& unit : TRY(list_units(system, session)))
        if (unit.kernel_lun == kernel_lun) return std::move(unit);
    return std::nullopt;
}

Result<std::string> type_of(System& system, const Unit& unit) {
    return std::string(trim(TRY(system.read_file(unit.directory + "/type"))));
}

bool is_disk_type(std::string_view type) {
    return type == "0";
}

/// "it has LUNs 0, 2, 10": of all that the target reports, the disks.
Result<std::string> list_disks(System& system, const iscsi::Session& session) {
    TRY(scan(system, session, "- - -"));
    std::vector<std::string> luns;
    for (const Unit& unit : TRY(list_units(system, session)))
        if (is_disk_type(TRY(type_of(system, unit)))) luns.push_back(text(shown_number(unit.kernel_lun)));
    if (luns.empty()) return "it has no disks";
    return text("it has ", luns.size() == 1 ? "LUN " : "LUNs ", join(luns, ", "));
}

Result<Unit> scan_for_unit(System& system, const iscsi::Session& session, const std::string& target,
                           uint64_t lun) {
    for (uint64_t number : kernel_numbers(lun)) {
        // The kernel has looked when the write returns: the unit is there now, or the target has none.
        TRY(scan(system, session, text("0 0 ", number)));
        std::optional<Unit> unit = TRY(find_unit(system, session, number));
        if (!unit) continue;
        std::string type = TRY(type_of(system, *unit));
        if (is_disk_type(type)) return std::move(*unit);
        return permanent_error("LUN ", lun, " of ", target, " is not a disk (SCSI type ", type, "); ",
                               TRY(list_disks(system, session)));
    }
    return permanent_error("target ", target, " has no LUN ", lun, "; ", TRY(list_disks(system, session)));
}

/// The name of the unit's disk as soon as sd has taken it, which it does in its own time.
Result<std::string> wait_for_disk(System& system, const Unit& unit) {
    std::string block = unit.directory + "/block";
    Result<std::string> disk = std::string();
    auto is_there = [&] {
        if (system.path_kind(block) != PathKind::directory) return false;
        Result<std::vector<std::string>> names = system.list_directory(block);
        if (!names) disk = std::unexpected(names.error());
        if (!disk || names->empty()) return !disk;
        disk = names->front();
        return system.is_device_ready("/dev/" + *disk);
    };
    if (!TRY(wait_until(system, system.now() + kDiskTimeout, is_there)))
        return transient_error("the disk of LUN ", shown_number(unit.kernel_lun), " did not appear within ",
                               kDiskTimeout.count(), " s");
    return disk;
}

/// The word in brackets: "none [mq-deadline]".
std::string_view active_choice(std::string_view choices) {
    size_t begin = choices.find('[');
    size_t end = choices.find(']');
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return trim(choices);
    return choices.substr(begin + 1, end - begin - 1);
}

Result<> set_scheduler(System& system, const std::string& disk, const std::string& scheduler) {
    std::string path = text("/sys/block/", disk, "/queue/scheduler");
    std::string choices = TRY(system.read_file(path));
    if (active_choice(choices) == scheduler) return {};
    if (scheduler != "none")
        if (Result<> loaded = system.load_module(scheduler + "-iosched"); !loaded)
            return permanent_error(loaded.error().what, "; available: ", trim(choices));
    if (Result<> written = system.write_attribute(path, scheduler); !written)
        return permanent_error(written.error().what, "; available: ", trim(choices));
    return {};
}

Result<> set_queue_depth(System& system, const std::string& disk, uint32_t queue_depth) {
    std::string path = text("/sys/block/", disk, "/device/queue_depth");
    if (trim(TRY(system.read_file(path))) == text(queue_depth)) return {};
    return system.write_attribute(path, text(queue_depth));
}

} // namespace

Result<std::string> find_iscsi_disk(System& system, const iscsi::Session& session, const std::string& target,
                                    uint64_t lun) {
    Unit unit = TRY(scan_for_unit(system, session, target, lun));
    std::string disk = TRY(wait_for_disk(system, unit));
    std::string size = TRY(system.read_file(text("/sys/block/", disk, "/size")));
    if (trim(size) == "0")
        return permanent_error("LUN ", lun, " of ", target, " has no medium (its size is 0)");
    return disk;
}

Result<> remove_iscsi_disks(System& system, const iscsi::Session& session) {
    Result<> result;
    for (const Unit& unit : TRY(list_units(system, session)))
        if (Result<> removed = system.write_attribute(unit.directory + "/delete", "1"); !removed && result)
            result = std::move(removed);
    return result;
}

void tune_disk(System& system, const std::string& disk, const std::string& scheduler, uint32_t queue_depth) {
    if (!scheduler.empty())
        if (Result<> result = set_scheduler(system, disk, scheduler); !result)
            log_notice("setting the scheduler of ", disk, " to ", scheduler,
                       " failed, ignoring: ", result.error().what);
    if (Result<> result = set_queue_depth(system, disk, queue_depth); !result)
        log_notice("setting the queue depth of ", disk, " to ", queue_depth,
                   " failed, ignoring: ", result.error().what);
}

} // namespace mangrove
