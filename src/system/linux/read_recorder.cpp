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

class Opened {
  public:
    explicit Opened(std::string root) : prefix_(root == "/" ? "" : std::move(root)) {}

    /// Takes what the kernel has told since the last time.
    void take(int events, int links) {
        alignas(fanotify_event_metadata) char buffer[4096];
        ssize_t size = 0;
        while ((size = ::read(events, buffer, sizeof buffer)) > 0) {
            auto* event = reinterpret_cast<fanotify_event_metadata*>(buffer);
            for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size))
                if (event->fd >= 0) note(UniqueFd(event->fd), links);
        }
    }
    const std::vector<std::string>& paths() const { return paths_; }

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
        paths_.emplace_back(name);
    }

    std::string prefix_;
    std::vector<std::string> paths_;
    std::set<std::pair<dev_t, ino_t>> known_;
};

std::vector<ReadPart> parts_in_memory(const UniqueFd& file, size_t size) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) return {};
    auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> present((size + page - 1) / page);
    std::vector<ReadPart> parts;
    bool is_known = ::mincore(mapped, size, present.data()) == 0;
    ::munmap(mapped, size);
    for (size_t number = 0; is_known && number < present.size(); ++number) {
        if ((present[number] & 1) == 0) continue;
        size_t begin = number * page;
        size_t length = std::min(page, size - begin);
        bool continues = !parts.empty() && parts.back().offset + parts.back().size == begin;
        if (continues || parts.size() == kMostRanges)
            parts.back().size = begin + length - parts.back().offset;
        else
            parts.push_back({begin, length});
    }
    return parts;
}

/// Files of which nothing is in memory were opened only, or not read from the image.
std::vector<ReadFile> look_at(const std::vector<std::string>& paths) {
    std::vector<ReadFile> files;
    for (const std::string& path : paths) {
        UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
        struct stat status = {};
        if (!file.is_open() || ::fstat(file.get(), &status) != 0) continue;
        if (!S_ISREG(status.st_mode) || status.st_size <= 0) continue;
        std::vector<ReadPart> parts = parts_in_memory(file, static_cast<size_t>(status.st_size));
        if (!parts.empty()) files.push_back({path, std::move(parts)});
    }
    return files;
}

struct Watch {
    UniqueFd events;
    UniqueFd root;
    UniqueFd run;   ///< the directory in which the end is told
    UniqueFd links; ///< /proc/self/fd, wherever /proc is
};

Result<UniqueFd> open_directory(const std::string& path) {
    UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, "opening ", path);
    return directory;
}

Result<Watch> begin_watching(const ReadRecording& wanted) {
    constexpr unsigned kKind = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE;
    constexpr unsigned kOpening = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK;
    Watch watch;
    watch.events = UniqueFd(::fanotify_init(kKind, kOpening));
    if (!watch.events.is_open()) return system_error(errno, "asking for the openings of files (fanotify)");
    if (::fanotify_mark(watch.events.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD,
                        wanted.root.c_str())
        != 0)
        return system_error(errno, "asking for the openings of files in ", wanted.root, " (fanotify)");
    watch.root = TRY(open_directory(wanted.root));
    watch.run = TRY(open_directory(wanted.end.substr(0, wanted.end.rfind('/'))));
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

Result<> record(Watch watch, const ReadRecording& wanted) {
    watch.links = TRY(open_directory("/proc/self/fd"));
    Opened opened(wanted.root);
    watch_until_the_end(watch, wanted, opened);
    watch.events.reset();
    // It has become the root of all others, with what is mounted in it.
    if (::fchdir(watch.root.get()) != 0 || ::chroot(".") != 0)
        return system_error(errno, "entering the root");
    watch.root.reset();
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    std::string unfinished = wanted.result + ".new";
    TRY(system.write_file(unfinished, wanted.to_text(look_at(opened.paths())), 0600));
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
