#include <cerrno>
#include <sys/mount.h>
#include <utility>

#include "base/log.h"
#include "base/sha256.h"
#include "mount/mount.h"
#include "mount/payload.h"
#include "net/fetch.h"
#include "net/url.h"
#include "system/archives.h"

// The mount `uri` (docs/schemes/uri.md): a file that is fetched into memory, an archive or the image of a
// file system, compressed or not. Reads `uri`, `digest` and `size`.

namespace mangrove {

namespace {

/// One file on its way into a tmpfs of its own, which takes all that becomes of it along when it is
/// unmounted. Nothing reads the file before its digest is known to be right.
class Fetched {
  public:
    Fetched(Boot& boot, const definition::MountUri& wanted, std::string name, std::string directory)
        : boot_(boot), system_(boot.system), wanted_(wanted), name_(std::move(name)),
          directory_(std::move(directory)) {}

    Result<> fetch() {
        log_notice("fetching ", name_);
        Sha256 digest;
        uint64_t size = 0;
        TRY(mangrove::fetch(system_, wanted_.uri, seconds(0), [&](ByteView piece) -> Result<> {
            note_bytes(boot_.timeline, piece.size());
            digest.add(piece);
            size += piece.size();
            return system_.append_file(file(), piece);
        }));
        if (size == 0) return permanent_error(name_, ": the file is empty");
        std::string found = "sha256:" + digest.finish();
        if (!wanted_.digest.empty() && found != wanted_.digest)
            return permanent_error(name_, ": digest mismatch: expected ", wanted_.digest, ", found ", found);
        log_notice(name_, " is ", size, " bytes, ", found);
        return {};
    }

    Result<> mount(const std::string& target, unsigned long flags, Undo& undo) {
        Beginning beginning = TRY(system_.archives().look_into(file()));
        Payload payload = recognize(beginning.bytes);
        if (!payload.is_filesystem()) return unpack(target, flags, undo);
        std::string image = file();
        if (beginning.is_compressed) {
            image = directory_ + "/image";
            TRY(system_.archives().decompress(file(), image));
        }
        return mount_image(image, std::string(payload.filesystem), target, flags, undo);
    }

  private:
    std::string file() const { return directory_ + "/file"; }

    Result<> unpack(const std::string& target, unsigned long flags, Undo& undo) {
        std::string tree = directory_ + "/tree";
        TRY(system_.make_directory(tree));
        TRY(system_.archives().unpack(file(), tree));
        TRY(mount_undoably(system_, {.source = tree, .target = target, .flags = MS_BIND}, undo));
        return set_flags(system_, target, flags);
    }

    Result<> mount_image(const std::string& image, const std::string& type, const std::string& target,
                         unsigned long flags, Undo& undo) {
        TRY(system_.load_module("loop"));
        std::string device = TRY(system_.attach_loop({.file = image}));
        undo.push("detaching " + device, [&system = system_, device] { return system.detach_loop(device); });
        TRY(system_.load_module("fs-" + type));
        return mount_device(
            system_, {.source = device, .target = target, .type = type, .flags = flags | MS_RDONLY}, undo);
    }

    Boot& boot_;
    System& system_;
    const definition::MountUri& wanted_;
    std::string name_; ///< for messages
    std::string directory_;
};

/// In the words of the definition, where the tmpfs is full.
Result<> explain(Result<> result, const std::string& name, const definition::MountUri& wanted) {
    if (result || result.error().code != ENOSPC) return result;
    return permanent_error(name, " does not fit into the ", wanted.size,
                           " of memory that 'size' allows: ", result.error().what);
}

} // namespace

Result<> mount(Boot& boot, const definition::MountUri& wanted, const std::string& target, unsigned long flags,
               Undo& undo) {
    System& system = boot.system;
    std::string name = TRY(Url::parse(wanted.uri)).shown();
    std::string directory = TRY(make_tmpfs(system, "uri", wanted.size, undo));
    Fetched fetched(boot, wanted, name, directory);
    TRY(explain(timed(boot, "fetching " + name, [&] { return fetched.fetch(); }), name, wanted));
    return explain(fetched.mount(target, flags, undo), name, wanted);
}

} // namespace mangrove
