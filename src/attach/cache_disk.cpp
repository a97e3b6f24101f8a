#include "attach/cache_disk.h"

#include <algorithm>
#include <cerrno>

#include "attach/local_disk.h"
#include "base/log.h"

// The disk of the key `cache` of the attachment `http`.

namespace mangrove {

namespace {

constexpr seconds kPatience{5}; ///< with the disk; the boot goes on without it

/// The beginning of a digest.
lazy::Salt mark(std::string_view words) {
    lazy::Salt mark;
    std::ranges::copy_n(lazy::digest_of(as_bytes(words)).begin(), mark.size(), mark.begin());
    return mark;
}

lazy::DiskIdentity identity_of(const definition::Http& wanted, const lazy::Source& source,
                               const lazy::SharedState& state) {
    lazy::DiskIdentity identity = {.size = source.size, .beginning = lazy::digest_of(state.beginning)};
    std::string_view content = wanted.root_hash;
    for (size_t number = 0; number < source.urls.size(); ++number) {
        const lazy::MirrorMemory& mirror = state.mirrors[number];
        std::string_view version = mirror.version.data();
        if (mirror.is_known && !version.empty())
            identity.versions[number] = {mark(source.urls[number].shown()), mark(version)};
        if (mirror.is_known && content.empty()) content = mirror.blob.data();
    }
    if (!content.empty()) identity.content = lazy::digest_of(as_bytes(content));
    return identity;
}

/// A partition by whose name its owner has given it away.
bool is_given(const definition::CachePlace& place) {
    return place.partlabel.starts_with("mangrove-cache");
}

/// The process of an attempt before this one may just be ending.
Result<CacheDisks::Opened> open_free(System& system, const std::string& device, Deadline deadline) {
    constexpr milliseconds kPause{50};
    for (;; system.sleep(kPause)) {
        Result<CacheDisks::Opened> opened = system.cache_disks().open(device);
        if (opened || opened.error().code != EBUSY || system.now() >= deadline) return opened;
    }
}

Result<lazy::DiskFile> open(Boot& boot, const definition::CachePlace& place,
                            const lazy::DiskIdentity& identity) {
    System& system = boot.system;
    Deadline deadline = system.now() + kPatience;
    DiskName name = {.path = place.path,
                     .tag = place.partuuid.empty() ? "PARTLABEL" : "PARTUUID",
                     .value = place.partuuid.empty() ? place.partlabel : place.partuuid};
    std::string device = TRY(find_disk(boot, name, deadline, kPatience));
    std::string type = TRY(system.run_bounded("probing " + device, kPatience, [&]() -> Result<std::string> {
        return TRY(system.probe_filesystem(device)).type;
    }));
    if (!type.empty())
        return permanent_error(device, " holds something else: ", type, "; erase it first (wipefs -a)");
    CacheDisks::Opened opened = TRY(open_free(system, device, deadline));
    Result<lazy::DiskFile> file = lazy::open_disk_cache(system, device, std::move(opened), identity,
                                                        is_given(place), system.now() + kPatience);
    if (!file) file.error().what.insert(0, device + ": ");
    return file;
}

} // namespace

std::shared_ptr<const lazy::DiskFile> open_cache(Boot& boot, const definition::Http& wanted,
                                                 const lazy::Source& source, const lazy::SharedState& state) {
    if (!wanted.cache) return nullptr;
    Result<lazy::DiskFile> file = open(boot, *wanted.cache, identity_of(wanted, source, state));
    if (file) return std::make_shared<const lazy::DiskFile>(*std::move(file));
    log_warning("no cache: ", file.error().what, "; the boot goes on without it");
    return nullptr;
}

} // namespace mangrove
