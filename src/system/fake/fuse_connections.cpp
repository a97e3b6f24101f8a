#include "system/fake/fuse_connections.h"

#include <algorithm>
#include <cerrno>

namespace mangrove {

Result<UniqueFd> FakeFuseConnections::open() {
    TRY(transcript_.record("opening /dev/fuse"));
    return UniqueFd();
}

Result<size_t> FakeFuseConnections::receive(const UniqueFd&, std::span<uint8_t> request) {
    if (requests.empty()) return system_error(ENODEV, "reading a request of FUSE");
    Bytes asked = std::move(requests.front());
    requests.pop();
    std::ranges::copy(asked, request.begin());
    return asked.size();
}

Result<> FakeFuseConnections::answer(const UniqueFd&, std::span<const ByteView> parts) {
    if (refusal != 0) return system_error(refusal, "answering a request of FUSE");
    Bytes& answer = answers.emplace_back();
    for (ByteView part : parts)
        answer.insert(answer.end(), part.begin(), part.end());
    return {};
}

} // namespace mangrove
