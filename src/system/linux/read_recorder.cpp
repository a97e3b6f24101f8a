#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique_fd.h"
#include "system/linux/own_process.h"
#include "system/linux/system.h"

// fanotify(7) says which files a boot opens, and mincore(2) at the end which parts of them it read. The
// process keeps no file of the root open meanwhile.

#ifndef FAN_MARK_FILESYSTEM
#define FAN_MARK_FILESYSTEM 0x00000100
#endif

namespace mangrove {

namespace {

constexpr size_t kMostFiles = 20'000;
constexpr size_t kMostRanges = 1000;
/// Of all files: a head node takes no more.
constexpr size_t kMostRangesInAll = 125'000;
/// A sparse file can have more bytes than there is memory to tell of each page whether it is there.
constexpr size_t kWindow = 256 << 20;
constexpr size_t kMostOfFile = size_t{16} << 30;

class Opened {
  public:
    explicit Opened(std::string root) : prefix_(root == "/" ? "" : std::move(root)) {}

    /// Takes what the kernel has told since the last time: as much as its queue holds, since processes that
    /// open files all the time can tell more meanwhile.
    void take(int events, int links) {
        constexpr int kMostReads = 128;
        alignas(fanotify_event_metadata) char buffer[4096];
        ssize_t size = 0;
        for (int reads = 0; reads < kMostReads && (size = ::read(events, buffer, sizeof buffer)) > 0;
             ++reads) {
            auto* event = reinterpret_cast<fanotify_event_metadata*>(buffer);
            for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
                if (event->fd >= 0) note(UniqueFd(event->fd), links);
                has_missed_ = has_missed_ || (event->mask & FAN_Q_OVERFLOW) != 0;
            }
        }
    }
    const std::vector<std::string>& paths() const { return paths_; }
    /// Whether the kernel's queue was full.
    bool has_missed() const { return has_missed_; }

  private:
    void note(const UniqueFd& file, int links) {
        struct stat status = {};
        if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0) return;
        if (paths_.size() >= kMostFiles || !known_.emplace(status.st_dev, status.st_ino).second) return;
        char path[PATH_MAX];
        ssize_t size = ::readlinkat(links, text(file.get()).c_str(), path, sizeof path);
        if (size <= 0 || size == static_cast<ssize_t>(sizeof path)) return;
        std::string_view name(path, static_cast<size_t>(size));
        // Until the root is switched to, it is mounted elsewhere.
        if (name.starts_with(prefix_ + "/")) name.remove_prefix(prefix_.size());
        // A file that is replaced, or copied up in an overlay, is another one of the same name.
        if (named_.emplace(name).second) paths_.emplace_back(name);
    }

    std::string prefix_;
    bool has_missed_ = false;
    std::vector<std::string> paths_;
    std::set<std::string, std::less<>> named_;
    std::set<std::pair<dev_t, ino_t>> known_;
};

/// A part at `begin` of the file, which continues the one before or is a new one.
void add_part(std::vector<ReadPart>& parts, size_t begin, size_t size) {
    bool continues = !parts.empty() && parts.back().offset + parts.back().size == begin;
    if (continues || parts.size() == kMostRanges)
        parts.back().size = begin + size - parts.back().offset;
    else
        parts.push_back({begin, size});
}

void add_window(std::vector<ReadPart>& parts, const UniqueFd& file, size_t begin, size_t size) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), static_cast<off_t>(begin));
    if (mapped == MAP_FAILED) return;
    auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> present((size + page - 1) / page);
    bool is_known = ::mincore(mapped, size, present.data()) == 0;
    ::munmap(mapped, size);
    for (size_t number = 0; is_known && number < present.size(); ++number)
        if ((present[number] & 1) != 0)
            add_part(parts, begin + number * page, std::min(page, size - number * page));
}

std::vector<ReadPart> parts_in_memory(const UniqueFd& file, size_t size) {
    std::vector<ReadPart> parts;
    size_t end = std::min(size, kMostOfFile);
    for (size_t begin = 0; begin < end; begin += kWindow)
        add_window(parts, file, begin, std::min(kWindow, end - begin));
    return parts;
}

/// Another file may have the name by now: opening a device can do something, so its kind is looked at before.
UniqueFd open_regular(const std::string& path, int links, size_t& size) {
    UniqueFd place(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status = {};
    if (!place.is_open() || ::fstat(place.get(), &status) != 0) return {};
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) return {};
    size = static_cast<size_t>(status.st_size);
    return UniqueFd(
        ::openat(links, text(place.get()).c_str(), O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC));
}

/// Files of which nothing is in memory were opened only, or not read from the image.
std::vector<ReadFile> look_at(const std::vector<std::string>& paths, int links) {
    std::vector<ReadFile> files;
    size_t ranges = 0;
    for (const std::string& path : paths) {
        if (ranges > kMostRangesInAll) break;
        size_t size = 0;
        UniqueFd file = open_regular(path, links, size);
        if (!file.is_open()) continue;
        std::vector<ReadPart> parts = parts_in_memory(file, size);
        ranges += parts.size();
        if (!parts.empty()) files.push_back({path, std::move(parts)});
    }
    return files;
}

struct Watch {
    UniqueFd events;
    std::pair<dev_t, ino_t> root; ///< open, it could not be unmounted
    UniqueFd run;                 ///< the directory in which the end is told
    UniqueFd proc;                ///< wherever /proc is
    UniqueFd links;               ///< self/fd in it
};

Result<UniqueFd> open_directory(const std::string& path) {
    UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, "opening ", path);
    return directory;
}

std::pair<dev_t, ino_t> identity_of(const UniqueFd& directory) {
    struct stat status = {};
    ::fstat(directory.get(), &status);
    return {status.st_dev, status.st_ino};
}

Result<Watch> begin_watching(const ReadRecording& wanted) {
    constexpr unsigned kKind = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
    constexpr unsigned kOpening = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK;
    Watch watch;
    watch.events = UniqueFd(::fanotify_init(kKind, kOpening));
    if (!watch.events.is_open()) return system_error(errno, "asking for the openings of files (fanotify)");
    if (::fanotify_mark(watch.events.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD,
                        wanted.root.c_str())
        != 0)
        return system_error(errno, "asking for the openings of files in ", wanted.root, " (fanotify)");
    watch.root = identity_of(TRY(open_directory(wanted.root)));
    watch.run = TRY(open_directory(wanted.end.substr(0, wanted.end.rfind('/'))));
    // Here, for /proc goes with the switch to the root, which does not wait for the process that records.
    watch.proc = TRY(open_directory("/proc"));
    return watch;
}

void watch_until_the_end(const Watch& watch, const ReadRecording& wanted, Opened& opened) {
    constexpr int kPause = 200;
    std::string end = wanted.end.substr(wanted.end.rfind('/') + 1);
    Time begin = std::chrono::steady_clock::now();
    while (::faccessat(watch.run.get(), end.c_str(), F_OK, 0) != 0
           && std::chrono::steady_clock::now() - begin < wanted.limit) {
        pollfd waiting = {watch.events.get(), POLLIN, 0};
        ::poll(&waiting, 1, kPause);
        opened.take(watch.events.get(), watch.links.get());
        ::usleep(kPause * 1000 / 4); // many at once cost the boot less
    }
    opened.take(watch.events.get(), watch.links.get());
}

/// It has become the root of all others, with what is mounted in it; or there is another one by now.
Result<> enter_root(const Watch& watch, const std::string& place) {
    UniqueFd root(::openat(watch.proc.get(), place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.is_open()) return system_error(errno, "opening the root");
    if (identity_of(root) != watch.root) return permanent_error("another root has taken its place");
    if (::fchdir(root.get()) != 0 || ::chroot(".") != 0) return system_error(errno, "entering the root");
    return {};
}

Result<> record(Watch watch, const ReadRecording& wanted) {
    if (::chdir("/") != 0) return system_error(errno, "changing into /");
    watch.links = UniqueFd(::openat(watch.proc.get(), "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!watch.links.is_open()) return system_error(errno, "opening /proc/self/fd");
    Opened opened(wanted.root);
    watch_until_the_end(watch, wanted, opened);
    if (opened.has_missed())
        log_warning("recording what the boot reads: more files were opened than the kernel's queue holds "
                    "(fanotify); the profile lacks some");
    watch.events.reset();
    TRY(enter_root(watch, wanted.root_at_end));
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    std::string unfinished = wanted.result + ".new";
    TRY(system.write_file(unfinished, wanted.to_text(look_at(opened.paths(), watch.links.get())), 0600));
    return system.rename(unfinished, wanted.result);
}

} // namespace

Result<> LinuxSystem::record_reads(const ReadRecording& wanted) {
    Watch watch = TRY(begin_watching(wanted));
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting the process that records what is read");
    if (child > 0) return {};
    become_own_process(*this);
    if (Result<> recorded = record(std::move(watch), wanted); !recorded)
        log_warning("recording what the boot reads: ", recorded.error().what);
    ::_exit(0);
}

} // namespace mangrove
