#include "nbd/read.h"

#include "base/byte_order.h"

namespace mangrove::nbd {

Result<Bytes> read_beginning(Stream& stream, uint32_t count) {
    constexpr uint32_t kRequestMagic = 0x25609513;
    constexpr uint32_t kReplyMagic = 0x67446698;
    // The flags, the command (0: read), the cookie and the offset are all 0.
    Bytes request(28);
    store_be32(request.data(), kRequestMagic);
    store_be32(&request[24], count);
    TRY(stream.write(request));
    Bytes reply = TRY(stream.read(16));
    if (load_be32(reply.data()) != kReplyMagic)
        return permanent_error("the server sent an invalid answer to a read");
    if (uint32_t error = load_be32(&reply[4]); error != 0)
        return permanent_error("the server cannot read the export (error ", error, ")");
    return stream.read(count);
}

} // namespace mangrove::nbd
