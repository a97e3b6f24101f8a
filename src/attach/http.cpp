#include <algorithm>

#include "attach/attach.h"
#include "attach/served_file.h"
#include "base/log.h"
#include "lazy/source.h"
#include "net/fetch.h"

// The attachment `http` (docs/schemes/http.md): a file of web servers, read by ranges when the node needs it.
// The block device is one of the kernel's (served_device.h), and its server a process of ours. Reads the keys
// of definition::Http, and the argument `mangrove.ca=`.

namespace mangrove {

namespace {

Result<lazy::Source> source_of(System& system, const definition::Http& wanted) {
    lazy::Source source = {.username = wanted.username,
                           .password = wanted.password,
                           .token = wanted.token,
                           .region = wanted.region};
    bool needs_authorities = false;
    for (const std::string& url : wanted.urls) {
        source.urls.push_back(TRY(Url::parse(url)));
        needs_authorities |= source.urls.back().scheme != Url::Scheme::http;
    }
    // Signatures have a date, as certificates have.
    if (needs_authorities || !wanted.region.empty()) TRY(mend_clock(system));
    if (wanted.spread) lazy::shuffle(source.urls, TRY(system.random_bytes(source.urls.size())));
    if (!needs_authorities) return source;
    // Itself, for the file is gone with the initramfs.
    source.authorities = TRY(system.read_file(TRY(find_authorities(system))));
    return source;
}

/// Sets the pieces to prefetch, where the server is far enough away that they gain something.
void plan_prefetch(lazy::Source& source, const definition::Http& wanted) {
    constexpr size_t kMostPieces = (256 << 20) / lazy::kPieceSize;
    if (source.round_trip < milliseconds(wanted.prefetch_round_trip)) return;
    for (const definition::ByteRange& range : wanted.prefetch) {
        uint64_t end = std::min(range.last / lazy::kPieceSize + 1, source.pieces());
        for (uint64_t piece = range.first / lazy::kPieceSize; piece < end; ++piece)
            if (source.prefetch.size() < kMostPieces) source.prefetch.push_back(piece);
    }
    if (source.prefetch.empty()) return;
    log_notice(source.name(), " is ", source.round_trip.count(), " ms away: reading ",
               source.prefetch.size() * lazy::kPieceSize >> 10, " KiB of it ahead of the boot");
}

} // namespace

Result<std::string> attach(Boot& boot, const definition::Http& wanted, Undo& undo) {
    System& system = boot.system;
    OpenServedDevice open_device = TRY(choose_driver(system));
    auto source = std::make_shared<lazy::Source>(TRY(source_of(system, wanted)));
    size_t slots = (size_t{wanted.cache_mib} << 20) / lazy::kPieceSize;
    lazy::SharedMemory memory(TRY(system.share_memory(lazy::SharedMemory::size_for(slots))), slots);
    TRY(lazy::probe(system, *source, memory));
    plan_prefetch(*source, wanted);
    auto file = std::make_shared<ServedFile>(source, memory, TRY(open_device(system, source->device_size())));
    undo.push("detaching the " + source->name(), [&boot, file] {
        std::erase(boot.connections, std::shared_ptr<WatchedConnection>(file));
        Result<> detached = file->device().detach(boot.system);
        file->end(boot.system);
        return detached;
    });
    TRY(file->start(system));
    boot.connections.push_back(file);
    std::string device = TRY(file->device().attach(system));
    log_notice(source->name(), " is ", device, ", ", source->size >> 20, " MiB");
    return device;
}

/// Its device is the kernel's like any other of NBD or loop, and released with them.
Result<> release(System&, const Attached<definition::Http>&) {
    return {};
}

} // namespace mangrove
