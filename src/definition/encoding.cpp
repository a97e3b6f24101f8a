#include "definition/encoding.h"

#include <algorithm>
#include <zlib.h>

#include "definition/base64.h"
#include "definition/scanner.h"

namespace mangrove::definition {

static constexpr size_t kMaximumSize = 1 << 20;
static constexpr std::string_view kCutOff =
    "; it may be truncated: a kernel command line holds 2047 characters";

Result<std::string> encode(std::string_view plain) {
    std::string payload(plain);
    uLongf size = compressBound(static_cast<uLong>(plain.size()));
    Bytes compressed(size);
    int outcome =
        compress2(compressed.data(), &size, as_bytes(plain).data(), static_cast<uLong>(plain.size()), 9);
    if (outcome != Z_OK) return permanent_error("compressing the definition failed");
    if (size < plain.size()) payload.assign(reinterpret_cast<const char*>(compressed.data()), size);
    std::string encoded = to_base64(as_bytes(payload));
    std::replace(encoded.begin(), encoded.end(), '+', '-');
    std::replace(encoded.begin(), encoded.end(), '/', '_');
    while (encoded.ends_with("="))
        encoded.pop_back();
    return "base64:" + encoded;
}

static Result<std::string> decompress(const std::string& payload) {
    z_stream stream = {};
    if (inflateInit(&stream) != Z_OK) return permanent_error("decompressing the definition failed");
    stream.next_in = const_cast<Bytef*>(as_bytes(payload).data());
    stream.avail_in = static_cast<uInt>(payload.size());
    std::string plain;
    int outcome = Z_OK;
    while (outcome == Z_OK && plain.size() <= kMaximumSize) {
        unsigned char buffer[16384];
        stream.next_out = buffer;
        stream.avail_out = sizeof buffer;
        outcome = inflate(&stream, Z_NO_FLUSH);
        plain.append(reinterpret_cast<const char*>(buffer), sizeof buffer - stream.avail_out);
    }
    inflateEnd(&stream);
    if (plain.size() > kMaximumSize) return permanent_error("the definition is larger than 1 MiB");
    if (outcome != Z_STREAM_END) return permanent_error("the compressed definition is damaged", kCutOff);
    return plain;
}

Result<std::string> decode(std::string_view argument) {
    for (std::string_view prefix : {"mangrove.definition=", "base64:"})
        if (argument.starts_with(prefix)) argument.remove_prefix(prefix.size());
    std::optional<std::string> decoded = from_base64(trim(argument));
    if (!decoded) return permanent_error("not base64url", kCutOff);
    const std::string& payload = *decoded;
    if (payload.empty()) return permanent_error("the definition is empty");
    // RFC 1950: compression method 8 in the low nibble, and the two bytes are a multiple of 31. JSON begins
    // otherwise.
    auto byte = [&](size_t i) { return static_cast<uint8_t>(payload[i]); };
    bool is_zlib = payload.size() > 2 && (byte(0) & 0x0f) == 8 && (byte(0) * 256 + byte(1)) % 31 == 0;
    if (is_zlib) return decompress(payload);
    if (payload.size() > kMaximumSize) return permanent_error("the definition is larger than 1 MiB");
    return payload;
}

Result<std::string> decode_whole(std::string_view argument) {
    std::string plain = TRY(decode(argument));
    if (!scan(plain).is_json) return permanent_error("the definition is not valid JSON", kCutOff);
    return plain;
}

} // namespace mangrove::definition
