#include <algorithm>
#include <cstdlib>

#include "iscsi/login.h"

using namespace mangrove;
using namespace mangrove::iscsi;

namespace {

constexpr unsigned kChap = 1;
constexpr unsigned kMutual = 2;
constexpr size_t kStepsMax = 1000;

LoginOptions options_of(unsigned flags) {
    LoginOptions options;
    options.initiator = "iqn.2026-11.org.mangrove:node";
    options.target = "iqn.2026-11.org.example:image";
    if (flags & (kChap | kMutual)) options.chap = ChapSecrets{"node", "secret-of-the-node", "", ""};
    if (!(flags & kMutual)) return options;
    options.chap->username_in = "target";
    options.chap->password_in = "secret-of-target";
    options.random = Bytes(Chap::kRandomSize, 0x5a);
    return options;
}

} // namespace

/// Whatever PDUs a target sends: the login ends within bounded steps, asks for nothing that a login PDU
/// cannot hold, and never succeeds against a target that has to prove itself and cannot know how.
///
/// The input: one byte that chooses the authentication; then for each PDU two bytes of length, the first 48
/// bytes the header, the others the data.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    ByteView left(data + 1, size - 1);
    Login login(options_of(data[0]));
    if (!login.start()) std::abort();
    for (size_t steps = 0; left.size() >= 2 + kHeaderSize; ++steps) {
        if (steps > kStepsMax) std::abort();
        size_t length = (size_t{left[0]} << 8) | left[1];
        length = std::clamp(length, kHeaderSize, left.size() - 2);
        ByteView bytes = left.subspan(2, length);
        left = left.subspan(2 + length);
        Pdu pdu = {Bytes(bytes.begin(), bytes.begin() + kHeaderSize),
                   Bytes(bytes.begin() + kHeaderSize, bytes.end())};
        Result<LoginStep> step = login.answer(pdu);
        if (!step) return 0;
        if (auto* request = std::get_if<Pdu>(&*step)) {
            if (request->header.size() != kHeaderSize || request->data.size() > kLoginDataMax) std::abort();
            continue;
        }
        if (std::holds_alternative<Negotiated>(*step) && (data[0] & kMutual)) std::abort();
        return 0;
    }
    return 0;
}
