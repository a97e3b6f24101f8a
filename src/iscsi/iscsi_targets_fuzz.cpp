#include <algorithm>
#include <cstdlib>

#include "iscsi/send_targets.h"

using namespace mangrove;
using namespace mangrove::iscsi;

/// Whatever a target answers to SendTargets: the list ends within bounded steps, and no name in it has what a
/// terminal would obey.
///
/// The input: for each PDU two bytes of length, the first 48 bytes the header, the others the data.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    ByteView left(data, size);
    SendTargets question(1);
    if (question.start().header.size() != kHeaderSize) std::abort();
    while (left.size() >= 2 + kHeaderSize) {
        size_t length = std::clamp((size_t{left[0]} << 8) | left[1], kHeaderSize, left.size() - 2);
        ByteView bytes = left.subspan(2, length);
        left = left.subspan(2 + length);
        auto step = question.answer({Bytes(bytes.begin(), bytes.begin() + kHeaderSize),
                                     Bytes(bytes.begin() + kHeaderSize, bytes.end())});
        if (!step) return 0;
        auto* targets = std::get_if<std::vector<OfferedTarget>>(&*step);
        if (!targets) continue;
        for (const OfferedTarget& target : *targets)
            if (target.name.find('\x1b') != std::string::npos) std::abort();
        return 0;
    }
    return 0;
}
