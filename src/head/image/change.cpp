#include "head/image/change.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/text.h"
#include "head/host/program.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Its arguments: the tree, "setsid --ctty --wait" for a terminal or nothing, and the command. No mount
/// follows a link of the tree.
constexpr const char* kInside = R"(set -e
tree=$1 session=$2; shift 2
place() { [ -d "$tree/$1" ] && [ ! -L "$tree/$1" ] || { echo "the image has no directory /$1" >&2; exit 1; }; }
for each in proc dev run tmp; do place $each; done
mount -t proc proc "$tree/proc"
for each in sys sysrq-trigger irq bus; do
    [ ! -e "$tree/proc/$each" ] || { mount --bind "$tree/proc/$each" "$tree/proc/$each"; mount -o remount,bind,ro "$tree/proc/$each"; }
done
mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
for each in null zero full random urandom tty; do : >"$tree/dev/$each"; mount --bind "/dev/$each" "$tree/dev/$each"; done
mkdir "$tree/dev/pts" "$tree/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$tree/dev/pts"
ln -s pts/ptmx "$tree/dev/ptmx"
for each in 'self/fd fd' 'self/fd/0 stdin' 'self/fd/1 stdout' 'self/fd/2 stderr'; do ln -s "/proc/${each% *}" "$tree/dev/${each#* }"; done
mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$tree/run"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
if [ -f "$tree/etc/resolv.conf" ] && [ ! -L "$tree/etc/resolv.conf" ] && [ ! -L "$tree/etc" ] && [ -f /etc/resolv.conf ]; then
    mount --bind -o ro /etc/resolv.conf "$tree/etc/resolv.conf"
fi
hostname image
cut=-audit_control,-audit_read,-block_suspend,-mac_admin,-mac_override,-mknod,-perfmon,-bpf,-checkpoint_restore
cut=$cut,-sys_admin,-sys_boot,-sys_module,-sys_nice,-sys_pacct,-sys_ptrace,-sys_rawio,-sys_resource,-sys_time,-syslog,-wake_alarm
exec $session setpriv --bounding-set="$cut" --inh-caps="$cut" --no-new-privs -- chroot "$tree" "$@"
)";

Result<> enter_mount_namespace() {
    if (::geteuid() != 0) return permanent_error("changing an image needs root");
    if (::unshare(CLONE_NEWNS) != 0) return system_error(errno, "making a mount namespace");
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error(errno, "making the mounts private");
    return {};
}

/// An image below an overlay, until it is destroyed. The changes go to the store's disk, and the image is not
/// copied.
class WritableImage {
  public:
    explicit WritableImage(fs::path work) : work_(std::move(work)) {}
    WritableImage(const WritableImage&) = delete;
    WritableImage& operator=(const WritableImage&) = delete;
    ~WritableImage() {
        for (const char* name : {"tree", "lower"})
            ::umount2((work_ / name).c_str(), MNT_DETACH);
    }
    fs::path tree() const { return work_ / "tree"; }

    Result<> mount(const Image& image, Progress& progress) {
        for (const char* name : {"lower", "upper", "overlay", "tree"})
            TRY(make_directories(work_ / name));
        TRY(run_program({.words = {"mount", "-o", "loop,ro,nodev", image.file(), work_ / "lower"}}, progress),
            "mounting ", image.id);
        std::string options =
            text("lowerdir=", (work_ / "lower").native(), ",upperdir=", (work_ / "upper").native(),
                 ",workdir=", (work_ / "overlay").native());
        TRY(run_program({.words = {"mount", "-t", "overlay", "-o", options, "overlay", tree()}}, progress));
        return {};
    }

  private:
    fs::path work_;
};

Result<> run_inside(const fs::path& tree, const ChangeRequest& request, Progress& progress) {
    std::vector<std::string> words = {"unshare", "--mount",      "--propagation", "private", "--pid",
                                      "--fork",  "--kill-child", "--ipc",         "--uts",   "--cgroup",
                                      "sh",      "-c",           kInside,         "sh",      tree};
    words.push_back(request.is_interactive ? "setsid --ctty --wait" : "");
    words.insert(words.end(), request.command.begin(), request.command.end());
    // A shell controls its jobs through a terminal of its own process namespace.
    if (request.is_interactive)
        words = {"script", "--quiet", "--return", "--command", command_line(words), "/dev/null"};
    Program program{
        .words = words, .package = "util-linux", .noted = Noted::everything, .name = request.command[0]};
    if (request.is_interactive) return run_on_terminal(program);
    TRY(run_program(program, progress));
    return {};
}

} // namespace

Result<Built> change_image(const Store& store, ChangeRequest request, Progress& progress) {
    Image image = TRY(store.find(request.reference));
    TRY(enter_mount_namespace());
    Store::Workshop workshop = TRY(store.open_workshop());
    WritableImage copy(workshop.stage.path);
    TRY(copy.mount(image, progress));
    TRY(run_inside(copy.tree(), request, progress), "no image was built");
    // mke2fs makes it, empty.
    std::error_code ignored;
    if (image.format == "ext4") fs::remove(copy.tree() / "lost+found", ignored);
    BuildRequest& build = request.build;
    build.from = copy.tree();
    if (build.name.empty()) build.name = image.name;
    if (build.packing.format.empty()) {
        build.packing.format = image.format;
        build.packing.compression = image.compression;
        build.packing.block_size = image.block_size;
    }
    if (!image.profile_digest.empty() && build.packing.format == "squashfs")
        build.packing.profile = TRY(parse_profile(TRY(read_file(image.profile()))));
    return build_image(store, build, progress);
}

} // namespace mangrove::head
