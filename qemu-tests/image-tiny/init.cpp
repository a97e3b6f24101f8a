// The init of the lab's tiny image, in the place of systemd. It prints the lines that lab-report prints, then
// ends the node as systemd-shutdown does, through /run/initramfs/shutdown.

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <grp.h>
#include <ifaddrs.h>
#include <iterator>
#include <net/if.h>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

using std::string;

static string said; // for the console, in one go, so that no line of the kernel gets into it

static void say(const string& line) {
    said += "LAB " + line + "\n";
}

static string read(const string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

static string first_line(const string& path) {
    string text = read(path);
    return text.substr(0, text.find('\n'));
}

static void write(const string& path, std::string_view text) {
    int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0644);
    while (file >= 0 && !text.empty()) {
        ssize_t count = ::write(file, text.data(), text.size());
        if (count <= 0) break;
        text.remove_prefix(static_cast<size_t>(count));
    }
    ::close(file);
}

/// The rest of the word `lab.NAME=…` on the kernel command line.
static string argument(const string& name) {
    std::istringstream words(read("/proc/cmdline"));
    for (string word; words >> word;)
        if (word.starts_with("lab." + name + "=")) return word.substr(name.size() + 5);
    return "";
}

/// The exit status of what another process does as the user nobody; it may not return.
static int as_nobody(const std::function<int()>& action) {
    pid_t child = ::fork();
    if (child == 0) {
        constexpr uid_t kNobody = 65534;
        bool is_nobody = ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
        ::_exit(is_nobody ? action() : 99);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static void say_mounts() {
    std::istringstream lines(read("/proc/self/mountinfo"));
    bool all_are_guarded = true;
    for (string line; std::getline(lines, line);) {
        std::istringstream words(line);
        string id, parent, device, root, place, options;
        words >> id >> parent >> device >> root >> place >> options;
        string kind = line.substr(line.find(" - ") + 3);
        if (place == "/" && root == "/") say("root " + kind);
        if (!place.starts_with("/run/mangrove/layers/")) continue;
        if (place.starts_with("/run/mangrove/layers/layer")) say("layer " + place + " " + kind);
        all_are_guarded = all_are_guarded && options.substr(2).starts_with(",nosuid,nodev");
    }
    constexpr int kRefused = 7;
    int code = as_nobody([] {
        return ::open("/run/mangrove/layers", O_RDONLY | O_DIRECTORY) < 0 && errno != ENOENT ? kRefused : 0;
    });
    // A root without an overlay has no layers.
    if (code == kRefused || ::access("/run/mangrove/layers", F_OK) != 0)
        if (all_are_guarded) say("layers ok");
}

/// The image's file /contents, of which every number follows from its place.
static void check_contents() {
    string bytes = read("/contents");
    bool is_right = !bytes.empty();
    for (uint64_t i = 0; (i + 1) * 8 <= bytes.size(); i++) {
        uint64_t value = 0;
        std::memcpy(&value, bytes.data() + i * 8, 8);
        is_right = is_right && value == i * 0x9E3779B97F4A7C15;
    }
    if (is_right) say("contents ok");
}

static void check_writing() {
    string before(100000, '\0');
    std::mt19937 numbers(std::random_device{}());
    for (char& byte : before)
        byte = static_cast<char>(numbers());
    write("/lab-write", before);
    ::sync();
    write("/proc/sys/vm/drop_caches", "3");
    if (read("/lab-write") == before) say("write ok");
}

static void check_setuid() {
    constexpr int kIsRoot = 7;
    if (as_nobody([] { return ::execl("/bin/is-root", "is-root", nullptr); }) == kIsRoot) say("setuid ok");
}

static void say_addresses() {
    ifaddrs* all = nullptr;
    ::getifaddrs(&all);
    for (ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || string(one->ifa_name) == "lo")
            continue;
        char text[INET_ADDRSTRLEN] = {};
        ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
        int bits = __builtin_popcount(reinterpret_cast<sockaddr_in*>(one->ifa_netmask)->sin_addr.s_addr);
        // Of a VLAN, the link below it.
        string below = "/sys/class/net/" + string(one->ifa_name);
        unsigned index = std::stoul("0" + first_line(below + "/iflink"));
        char name[IF_NAMESIZE] = {};
        bool is_upper = index != ::if_nametoindex(one->ifa_name) && ::if_indextoname(index, name) != nullptr;
        say("address " + string(one->ifa_name) + (is_upper ? "@" + string(name) : "") + " " + text + "/"
            + std::to_string(bits));
    }
    ::freeifaddrs(all);
}

static void say_files() {
    std::istringstream files(argument("files"));
    for (string file; std::getline(files, file, ',');)
        say("file " + file + " " + first_line(file));
}

/// Says mode, owner, where a link goes to, and extended attributes; capabilities as the kernel keeps them.
static void say_attributes() {
    std::istringstream files(argument("attributes"));
    for (string file; std::getline(files, file, ',');) {
        struct stat status = {};
        if (::lstat(file.c_str(), &status) != 0) continue;
        std::ostringstream line;
        line << std::oct << (status.st_mode & 07777) << std::dec << ' ' << status.st_uid << ':'
             << status.st_gid;
        char target[256] = {};
        if (::readlink(file.c_str(), target, sizeof target - 1) > 0) line << " -> " << target;
        char value[256];
        ssize_t size = ::lgetxattr(file.c_str(), "security.capability", value, sizeof value);
        if (size > 0) line << " capability ";
        for (ssize_t i = 0; i < size; ++i)
            line << "0123456789abcdef"[(value[i] >> 4) & 15] << "0123456789abcdef"[value[i] & 15];
        size = ::lgetxattr(file.c_str(), "user.site", value, sizeof value);
        if (size > 0) line << " user.site " << std::string_view(value, static_cast<size_t>(size));
        say("attributes " + file + " " + line.str());
    }
}

static void say_command() {
    string command = read("/proc/1/cmdline");
    for (char& byte : command)
        if (byte == '\0') byte = ' ';
    say("command " + command);
}

/// As systemd-shutdown (switch_root(8)): what ends the node sees the root below /oldroot.
[[noreturn]] static void power_off() {
    constexpr const char* kNext = "/run/initramfs";
    ::sync();
    bool is_there = ::mount(kNext, kNext, nullptr, MS_BIND, nullptr) == 0
                    && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
                    && ::chdir(kNext) == 0;
    for (const char* directory : {"dev", "proc", "sys", "run", "oldroot"}) {
        ::mkdir(directory, 0755);
        if (string(directory) == "oldroot") continue;
        is_there =
            is_there && ::mount(("/" + string(directory)).c_str(), directory, nullptr, MS_BIND, nullptr) == 0;
    }
    is_there = is_there && ::syscall(SYS_pivot_root, ".", "oldroot") == 0 && ::chroot(".") == 0;
    if (is_there) ::execl("/shutdown", "/shutdown", "poweroff", nullptr);
    write("/dev/console",
          "lab: /run/initramfs/shutdown cannot be started: " + string(std::strerror(errno)) + "\n");
    for (;;)
        ::pause();
}

int main(int, char** arguments) {
    if (string(arguments[0]) == "is-root") return ::geteuid() == 0 ? 7 : 0;
    write("/dev/kmsg", "LAB up\n");
    say("tiny init running");
    say_mounts();
    check_contents();
    check_writing();
    check_setuid();
    say("hostname " + first_line("/proc/sys/kernel/hostname"));
    say("machine-id " + first_line("/etc/machine-id"));
    say_command();
    say_addresses();
    say_files();
    say_attributes();
    say("report " + read("/run/mangrove/report.json"));
    say("done");
    write("/dev/console", "\n" + said);
    power_off();
}
