#include "restart/kexec.h"

#include <cerrno>

#include "base/log.h"
#include "base/sha256.h"
#include "boot/provision.h"
#include "machine/kernel_command_line.h"
#include "mount/mount.h"
#include "net/fetch.h"
#include "net/running_network.h"

namespace mangrove {

namespace {

constexpr const char* kRoomForFiles = "512M";

/// Adds a file, which has to have its digest, to the end of another one. Returns its size.
Result<size_t> fetch_file(System& system, const PlannedFile& file, const std::string& path) {
    Sha256 digest;
    size_t size = 0;
    TRY(fetch(system, file.url, seconds(0), [&](ByteView piece) -> Result<> {
        digest.add(piece);
        size += piece.size();
        return system.append_file(path, piece);
    }));
    std::string found = digest.finish();
    if (found == file.digest) return size;
    return permanent_error(file.url, ": digest mismatch: expected ", file.digest, ", found ", found);
}

/// The kernel finds an archive behind another one that is not compressed only at a multiple of four.
Result<> fetch_initramfs(System& system, const std::vector<PlannedFile>& archives, const std::string& path) {
    constexpr size_t kAlignment = 4;
    for (const PlannedFile& archive : archives) {
        size_t rest = TRY(fetch_file(system, archive, path)) % kAlignment;
        if (rest != 0) TRY(system.append_file(path, Bytes(kAlignment - rest)));
    }
    return {};
}

/// The release's initramfs says itself what it takes; this one's word counts before anything is stopped.
Result<> check_definition_of(System& system, const Plan& plan) {
    Boot boot(system);
    boot.network = TRY(running_network(system, TRY(read_kernel_command_line(system))));
    return check_trust(boot, plan.definition);
}

Result<> explain(Result<> loaded) {
    if (loaded) return loaded;
    int code = loaded.error().code;
    if (code == ENOSYS) return permanent_error("the running kernel has no kexec (CONFIG_KEXEC_FILE)");
    if (code == EPERM)
        return permanent_error("the running kernel lets nobody load another one (lockdown, or "
                               "kernel.kexec_load_disabled)");
    return loaded;
}

} // namespace

Result<> restart_by_kexec(System& system, const Plan& plan, const Run& run) {
    std::string command_line = TRY(arguments_of(system, plan));
    TRY(check_definition_of(system, plan));
    Undo files; // they are in the kernel's hands when it has loaded them
    std::string directory = TRY(make_tmpfs(system, "kexec", kRoomForFiles, files));
    std::string kernel = directory + "/kernel";
    std::string initramfs = directory + "/initramfs";
    TRY(fetch_file(system, plan.kernel, kernel), "fetching the kernel");
    TRY(fetch_initramfs(system, plan.initramfs, initramfs), "fetching the initramfs");
    TRY(explain(system.load_kernel(kernel, initramfs, command_line)), "loading the kernel");
    Undo undo;
    undo.push("unloading the kernel", [&system] { return system.unload_kernel(); });
    EndedProgram ended = run({"systemctl", "kexec"});
    if (ended.status != 0) return permanent_error("systemctl kexec failed: ", trim(ended.output));
    undo.keep();
    log_notice("the machine goes on with the kernel of the release");
    return {};
}

} // namespace mangrove
