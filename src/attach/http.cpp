#include <algorithm>

#include "attach/attach.h"
#include "attach/cache_disk.h"
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

/// systemd makes the FIFO when the rest of the file may be read. Nothing is ever written to it.
constexpr const char* kFillUnit = "[Unit]\n"
                                  "Description=Tells Mangrove that the rest of the root may be read\n"
                                  "DefaultDependencies=no\n"
                                  "Conflicts=shutdown.target\n"
                                  "After=multi-user.target\n"
                                  "[Socket]\n"
                                  "ListenFIFO=/run/mangrove/keeper/multi-user\n"
                                  "SocketMode=0600\n"
                                  "RemoveOnStop=yes\n"
                                  "Service=mangrove-keeper.service\n";

/// Returns the rate at which the rest of the file is read; 0 where the cache cannot hold it.
Result<uint32_t> prepare_fill(System& system, const definition::Http& wanted, const lazy::Source& source,
                              size_t slots) {
    constexpr const char* kUnits = "/run/systemd/system";
    if (wanted.fill == 0) return 0;
    uint64_t places = source.disk ? source.disk->memory.layout().places : slots;
    if (places < source.pieces()) {
        log_warning("fill: the file has ", source.size >> 20, " MiB, and the cache holds ",
                    places * lazy::kPieceSize >> 20, " MiB; ",
                    source.disk ? "filling what it holds" : "ignoring");
        if (!source.disk) return 0;
    }
    std::string wants = text(kUnits, "/multi-user.target.wants");
    TRY(system.make_directory(wants));
    TRY(system.write_file(text(kUnits, "/mangrove-fill.socket"), kFillUnit));
    std::string link = wants + "/mangrove-fill.socket";
    if (system.path_kind(link) == PathKind::missing) TRY(system.make_link(link, "../mangrove-fill.socket"));
    return wanted.fill;
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
    source->disk = open_cache(boot, wanted, *source, memory.state());
    source->fill = TRY(prepare_fill(system, wanted, *source, slots));
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
