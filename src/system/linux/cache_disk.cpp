#include "system/linux/cache_disk.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mangrove {

namespace {

/// Asks for a read or a write, and answers it. The bytes are in memory that both processes have.
struct Message {
    uint32_t is_write = 0;
    int32_t problem = 0; ///< an errno
    uint64_t offset = 0;
    uint64_t length = 0;
};

/// The buffers of the read and of the write.
uint8_t* buffer_of(uint8_t* memory, bool is_write) {
    return memory + (is_write ? CacheDisk::kLongest : 0);
}

/// Returns an errno, or 0.
int do_request(int disk, const Message& wanted, uint8_t* buffer) {
    for (uint64_t done = 0; done < wanted.length;) {
        uint64_t left = wanted.length - done;
        auto at = static_cast<off_t>(wanted.offset + done);
        ssize_t size = wanted.is_write ? ::pwrite(disk, buffer + done, left, at)
                                       : ::pread(disk, buffer + done, left, at);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return size < 0 ? errno : EIO;
        done += static_cast<uint64_t>(size);
    }
    return 0;
}

/// Works until the other side is gone.
void work(int disk, int socket, uint8_t* memory) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        Message message;
        ssize_t size = ::recv(socket, &message, sizeof message, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size != sizeof message) return;
        message.problem = do_request(disk, message, buffer_of(memory, message.is_write != 0));
        if (::send(socket, &message, sizeof message, MSG_NOSIGNAL) != sizeof message) return;
    }
}

class LinuxCacheDisk : public CacheDisk {
  public:
    LinuxCacheDisk(std::shared_ptr<uint8_t> memory, UniqueFd socket, int process)
        : memory_(std::move(memory)), socket_(std::move(socket)), process_(process) {}
    /// A process that waits for its disk dies when the disk answers. Nobody waits for that.
    ~LinuxCacheDisk() override {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, WNOHANG);
    }
    LinuxCacheDisk(const LinuxCacheDisk&) = delete;
    LinuxCacheDisk& operator=(const LinuxCacheDisk&) = delete;

    bool can_read() const override { return reading_.length == 0; }
    bool can_write() const override { return writing_.length == 0; }
    void read(uint64_t offset, size_t length) override {
        reading_ = {.is_write = 0, .offset = offset, .length = length};
        ask(reading_);
    }
    void write(uint64_t offset, ByteView bytes) override {
        writing_ = {.is_write = 1, .offset = offset, .length = bytes.size()};
        std::copy(bytes.begin(), bytes.end(), buffer_of(memory_.get(), true));
        ask(writing_);
    }
    const UniqueFd& woken_by() const override { return socket_; }

    std::optional<End> take_end() override {
        Message message;
        ssize_t size = ::recv(socket_.get(), &message, sizeof message, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
        bool is_dead = size != sizeof message;
        bool is_write = is_dead ? can_read() : message.is_write != 0;
        return end(is_write ? writing_ : reading_, is_dead ? EPIPE : message.problem);
    }

  private:
    /// Where the process is dead, the next end says so.
    void ask(const Message& message) {
        static_cast<void>(::send(socket_.get(), &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    End end(Message& wanted, int problem) const {
        End end = {.is_write = wanted.is_write != 0, .offset = wanted.offset};
        if (problem == EPIPE)
            end.error = permanent_error("its process has died").error();
        else if (problem != 0)
            end.error = system_error(problem, end.is_write ? "writing" : "reading").error();
        else if (!end.is_write)
            end.bytes = {buffer_of(memory_.get(), false), wanted.length};
        wanted.length = 0;
        return end;
    }

    std::shared_ptr<uint8_t> memory_;
    UniqueFd socket_;
    int process_;
    Message reading_; ///< under way, unless its length is 0
    Message writing_;
};

} // namespace

Result<CacheDisks::Opened> LinuxCacheDisks::open(const std::string& device) {
    // Nothing can be mounted from it meanwhile, and mkfs refuses it.
    Opened opened = {.disk = UniqueFd(::open(device.c_str(), O_RDWR | O_EXCL | O_DIRECT | O_CLOEXEC))};
    off_t size = opened.disk.is_open() ? ::lseek(opened.disk.get(), 0, SEEK_END) : -1;
    if (size < 0) return system_error(errno, "opening ", device);
    opened.size = static_cast<uint64_t>(size);
    return opened;
}

Result<std::unique_ptr<CacheDisk>> LinuxCacheDisks::start(const UniqueFd& disk, const std::string& name) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error(errno, "making a pair of sockets");
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    std::shared_ptr<uint8_t> memory = TRY(system_.share_memory(2 * CacheDisk::kLongest));
    Resident resident = {.name = name,
                         .run =
                             [&](System&) {
                                 ours.reset();
                                 work(disk.get(), theirs.get(), memory.get());
                             },
                         .outlives_root = true,
                         .goes_on_when_stopped = true};
    int process = TRY(system_.start_resident(resident));
    return std::make_unique<LinuxCacheDisk>(std::move(memory), std::move(ours), process);
}

} // namespace mangrove
