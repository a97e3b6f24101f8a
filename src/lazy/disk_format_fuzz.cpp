#include <cstdlib>

#include "lazy/disk_cache.h"
#include "system/fake/cache_disk.h"
#include "system/fake/system.h"

using namespace mangrove;
using namespace mangrove::lazy;

namespace {

constexpr uint64_t kPieces = 40;

/// Each piece is of one byte, its number.
Bytes piece(uint64_t number) {
    return Bytes(kPieceSize, static_cast<uint8_t>(number));
}

/// A disk whose header and table are good, up to what the input changes in them.
std::string disk_of(const DiskIdentity& identity, ByteView changes) {
    DiskLayout layout = DiskLayout::of(1 << 20, kPieces);
    std::string disk(layout.place_at(layout.places), '\0');
    DiskHeader header = {.salt = {1}, .places = layout.places, .identity = identity};
    auto put = [&](uint64_t at, const void* bytes, size_t size) { std::memcpy(&disk[at], bytes, size); };
    put(0, encode(header).data(), kDiskBlock);
    for (uint64_t block = 0; block < layout.blocks(); ++block)
        put(DiskLayout::block_at(block), header.salt.data(), header.salt.size());
    for (uint64_t place = 0; place < 5; ++place) {
        DiskEntry entry = entry_of(header.salt, place, piece(place));
        put(DiskLayout::block_at(0) + sizeof(Salt) + place * sizeof entry, &entry, sizeof entry);
        put(layout.place_at(place), piece(place).data(), kPieceSize);
    }
    uint64_t at = 0;
    for (; changes.size() >= 3; changes = changes.subspan(3)) {
        at = (at + changes[0] * 256U + changes[1]) % disk.size();
        disk[at] = static_cast<char>(changes[2]);
    }
    return disk;
}

} // namespace

/// The input changes bytes of a cache, or is one. Whatever is on the disk, a piece is the right one.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    ByteView input(data, size);
    DiskIdentity identity = {.size = kPieces * kPieceSize, .beginning = digest_of(piece(0))};
    Transcript transcript;
    FakeSystem system{transcript};
    FakeCacheDisks disks{transcript};
    system.use(disks);
    disks.bytes = disk_of(identity, size % 2 == 0 ? input : ByteView());
    if (size % 2 != 0) std::memcpy(disks.bytes.data(), data, std::min(size, disks.bytes.size()));
    Result<DiskFile> file = open_disk_cache(system, "/dev/vda", *disks.open("/dev/vda"), identity, true,
                                            system.now() + seconds(5));
    if (!file) std::abort();
    SharedMemory memory{
        std::shared_ptr<uint8_t>(new uint8_t[SharedMemory::size_for(64)](), std::default_delete<uint8_t[]>()),
        64};
    PieceCache cache(memory, kPieces);
    DiskCache disk(system, &*file, cache, kPieces);
    for (uint64_t number = 0; number < kPieces; ++number) {
        if (!disk.has(number) || !cache.want(number)) continue;
        if (!disk.read(number)) std::abort();
        disk.work();
        if (disk.has(number) != (cache.state_of(number) == Slot::State::whole)) std::abort();
        if (disk.has(number)
            && !std::ranges::equal(piece(number), ByteView(cache.contents(number), kPieceSize)))
            std::abort();
    }
    return 0;
}
