#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "system/ranges.h"

/// A file that is read on demand from web servers, as a block device.
namespace mangrove::lazy {

/// A part of a file that a server was asked for, and what is known of the file.
struct Wanted {
    uint64_t offset = 0;
    uint64_t length = 0;
    std::optional<uint64_t> size = {}; ///< nothing: any; the part may then reach beyond the end
    std::string version = {};          ///< as version_of gives it; empty: any
};

enum class Verdict {
    good,     ///< the body is that part, of that version
    changed,  ///< the server has another file by now
    redirect, ///< the file is elsewhere
    away,     ///< the server may answer later
    refused,  ///< the server refuses, or cannot serve parts
};

struct Judged {
    Verdict verdict = Verdict::refused;
    std::string reason = {};  ///< why it is not good
    uint64_t size = 0;        ///< of the file, when good
    uint64_t length = 0;      ///< of the part, when good
    std::string version = {}; ///< of the file, when good; empty where the server does not tell
};

/// Judges an answer by what stands before its body (RFC 9110, 13 to 15).
Judged judge(const RangeHead& head, const Wanted& wanted);

/// Whether a server that answers so may answer otherwise later.
bool may_pass(unsigned status);

/// Returns what tells a file from a later one: an ETag, or a date.
std::string version_of(const RangeHead& head);

/// Returns the version if a server can compare it to the byte (If-Range), or an empty string.
std::string condition_of(const std::string& version);

} // namespace mangrove::lazy
