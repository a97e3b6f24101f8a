#include "trust/wire_reader.h"

#include "base/byte_order.h"

namespace mangrove::trust {

Result<ByteView> WireReader::bytes(size_t count) {
    if (count > rest_.size()) return permanent_error(name_, " is truncated; copy the whole of it");
    ByteView read = rest_.first(count);
    rest_ = rest_.subspan(count);
    return read;
}

Result<uint8_t> WireReader::byte() {
    return TRY(bytes(1))[0];
}

Result<uint32_t> WireReader::number() {
    return load_be32(TRY(bytes(4)).data());
}

Result<ByteView> WireReader::string() {
    return bytes(TRY(number()));
}

Result<std::string_view> WireReader::text() {
    ByteView read = TRY(string());
    return std::string_view(reinterpret_cast<const char*>(read.data()), read.size());
}

Result<> WireReader::finish() const {
    if (rest_.empty()) return {};
    return permanent_error(name_, " has ", rest_.size(), " bytes too many; copy it without anything else");
}

} // namespace mangrove::trust
