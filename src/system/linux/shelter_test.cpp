#include <csignal>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/contract/contract.h"
#include "system/linux/bounded_child.h"

namespace mangrove {
namespace {

/// The files in /run through which the test asks the resident and reads its answer.
constexpr const char* kQuestion = "/run/question";
constexpr const char* kAnswer = "/run/answer";

void answer_when_asked(System& system) {
    while (system.path_kind(kQuestion) == PathKind::missing)
        system.sleep(milliseconds(10));
    Result<std::string> status = system.read_file("/proc/self/status");
    bool sees_kernel = system.path_kind("/sys/class/net") == PathKind::directory;
    std::string answer = sees_kernel ? status.value_or("no /proc\n") : "no /sys\n";
    answer += text("mounts\n", system.read_file("/proc/self/mountinfo").value_or(""));
    static_cast<void>(system.write_file("/run/answer.new", answer).has_value());
    ::rename("/run/answer.new", kAnswer);
    for (;;)
        system.sleep(seconds(1));
}

/// An initramfs in `directory`, with /run and a mount that the residents have nothing to do with.
int make_initramfs(const std::string& directory) {
    if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, nullptr) != 0) return 1;
    for (const char* name : {"/sys", "/proc", "/run", "/sysroot", "/etc"})
        ::mkdir((directory + name).c_str(), 0755);
    bool is_made = ::mount("proc", (directory + "/proc").c_str(), "proc", 0, nullptr) == 0
                   && ::mount("sysfs", (directory + "/sys").c_str(), "sysfs", 0, nullptr) == 0
                   && ::mount("tmpfs", (directory + "/run").c_str(), "tmpfs", 0, nullptr) == 0
                   && ::mount("tmpfs", (directory + "/sysroot").c_str(), "tmpfs", 0, nullptr) == 0
                   && ::chroot(directory.c_str()) == 0 && ::chdir("/") == 0;
    return is_made ? 0 : 1;
}

/// As the first process of a machine: starts the resident, detaches all that systemd detaches from the
/// initramfs, and asks.
std::string start_and_ask(const std::string& directory) {
    if (make_initramfs(directory) != 0) return "no initramfs";
    if (Result<> started = LinuxSystem().start_in_shelter(answer_when_asked, {}); !started)
        return started.error().what;
    for (const char* path : {"/keeper/sys", "/keeper/proc", "/keeper/run", "/keeper"})
        ::umount2(path, MNT_DETACH);
    std::ofstream(kQuestion) << "?";
    for (int looks = 0; looks < 500; ++looks, ::usleep(10000)) {
        std::ifstream answer(kAnswer);
        if (answer) return {std::istreambuf_iterator<char>(answer), {}};
    }
    return "no answer";
}

/// In new namespaces, whose processes end with the first one.
std::string answer_of_resident() {
    LinuxWorld world;
    ::mkdir((world.base() + "/root").c_str(), 0755);
    auto in_new_namespaces = [&]() -> std::string {
        if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return "no namespaces";
        Result<std::optional<std::string>> answer =
            text_until(Clock::now() + seconds(20), [&] { return start_and_ask(world.base() + "/root"); });
        return answer && *answer ? **answer : "nothing";
    };
    Result<std::optional<std::string>> answer = text_until(Clock::now() + seconds(25), in_new_namespaces);
    return answer && *answer ? **answer : "nothing";
}

std::string own_status() {
    std::ifstream status("/proc/self/status");
    return {std::istreambuf_iterator<char>(status), {}};
}

uint64_t capabilities_in(const std::string& status, const std::string& set) {
    constexpr size_t kDigits = 16;
    size_t begin = status.find(set);
    if (begin == std::string::npos) return ~uint64_t{0};
    return parse_number(status.substr(begin + set.size(), kDigits), 16).value_or(~uint64_t{0});
}

TEST(Resident, KeepsItsFileSystemsWhenTheInitramfsIsDetached) {
    std::string answer = answer_of_resident();
    EXPECT_NE(answer.find("Name:\tmangrove-keeper\n"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("/sysroot"), std::string::npos) << "the root could not be unmounted: " << answer;
}

TEST(Resident, HasTheCapabilitiesThatItUsesAlone) {
    std::string answer = answer_of_resident();
    // Of those that the test has:
    // DAC_READ_SEARCH, NET_BIND_SERVICE, NET_ADMIN, NET_RAW, IPC_LOCK, SYS_PTRACE, SYS_ADMIN, SYS_BOOT,
    // SYS_RESOURCE, SYSLOG
    constexpr uint64_t kUsed = 0x401687404;
    for (const char* set : {"CapPrm:\t", "CapEff:\t", "CapBnd:\t"})
        EXPECT_EQ(capabilities_in(answer, set), capabilities_in(own_status(), set) & kUsed) << answer;
    EXPECT_NE(answer.find("NoNewPrivs:\t1\n"), std::string::npos) << answer;
}

} // namespace
} // namespace mangrove
