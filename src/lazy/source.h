#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "lazy/answer.h"
#include "lazy/mirrors.h"
#include "lazy/shared.h"
#include "net/url.h"
#include "system/system.h"

namespace mangrove::lazy {

struct DiskFile;

/// A file on web servers, and what they want to see.
struct Source {
    std::vector<Url> urls = {}; ///< tried in their order
    std::string username = {};
    std::string password = {};
    std::string token = {};
    std::string region = {};                   ///< of S3, for which the first two sign requests
    std::string authorities = {};              ///< for https: the certificates that are trusted (PEM)
    uint64_t size = 0;                         ///< of the file; 0: not known yet
    milliseconds round_trip{0};                ///< to the first server that had it, and back
    std::vector<uint64_t> prefetch = {};       ///< pieces to have before the kernel reads them, in this order
    std::shared_ptr<const DiskFile> disk = {}; ///< that has pieces of it; nothing: none
    uint32_t fill = 0; ///< MiB/s at which the rest is read when the system runs; 0: it is not

    /// Returns its name in messages.
    std::string name() const { return "HTTP file " + urls.front().shown(); }
    /// The size of the block device, in whole sectors.
    uint64_t device_size() const { return (size + 511) / 512 * 512; }
    uint64_t pieces() const { return (size + kPieceSize - 1) / kPieceSize; }
};

/// Returns a request to a mirror, which may be at another address by now, or a question; without the part.
Result<RangeRequest> request_to(System& system, const Source& source, Mirrors& mirrors, size_t mirror,
                                Question question);

/// Keeps what the manifest says of the file; fails where it is another one than that of the source.
Result<> keep_blob(const Source& source, const Registry& registry, MirrorMemory& memory);

/// Asks the servers, in their order, for the beginning of the file, until one has it. Sets the size of the
/// source and its round trip, and in `memory` the beginning and the version. The errors of all begin with
/// their URLs.
Result<> probe(System& system, Source& source, SharedMemory memory);

} // namespace mangrove::lazy
