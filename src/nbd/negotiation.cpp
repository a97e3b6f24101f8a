#include "nbd/negotiation.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <vector>

#include "base/byte_order.h"

namespace mangrove::nbd {

namespace {

constexpr uint64_t kServerMagic = 0x4e42444d41474943; // "NBDMAGIC"
constexpr uint64_t kOptionMagic = 0x49484156454f5054; // "IHAVEOPT"
constexpr uint64_t kReplyMagic = 0x0003e889045565a9;
constexpr uint64_t kOldStyleMagic = 0x00420281861253;
constexpr uint16_t kFixedNewstyle = 1;
constexpr uint16_t kNoZeroes = 2;
constexpr size_t kZeroes = 124;
constexpr size_t kLongestReply = 1 << 16;
constexpr unsigned kMostReplies = 1000;

enum class Option : uint32_t { export_name = 1, list = 3, go = 7 };
enum ReplyType : uint32_t {
    kAcknowledge = 1,
    kServer = 2,
    kInformation = 3,
    kError = uint32_t{1} << 31,
    kUnsupported = kError + 1,
    kPolicy = kError + 2,
    kInvalid = kError + 3,
    kTlsRequired = kError + 5,
    kUnknown = kError + 6,
    kShutdown = kError + 7,
};
enum InformationType : uint16_t { kExport = 0, kBlockSize = 3 };

struct Reply {
    uint32_t type = 0;
    Bytes data;
};

void append_be16(Bytes& out, uint16_t value) {
    for (int shift : {8, 0})
        out.push_back(static_cast<uint8_t>(value >> shift));
}
void append_be32(Bytes& out, uint32_t value) {
    append_be16(out, static_cast<uint16_t>(value >> 16));
    append_be16(out, static_cast<uint16_t>(value));
}
void append_be64(Bytes& out, uint64_t value) {
    append_be32(out, static_cast<uint32_t>(value >> 32));
    append_be32(out, static_cast<uint32_t>(value));
}
uint64_t load_be64(const uint8_t* bytes) {
    return uint64_t{load_be32(bytes)} << 32 | load_be32(bytes + 4);
}
std::string_view characters(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Quotes a server's words without anything that a terminal would obey.
std::string shown(std::string_view words) {
    std::string out(words.substr(0, 200));
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return out;
}

Result<> send_option(Stream& stream, Option option, ByteView data) {
    Bytes message;
    append_be64(message, kOptionMagic);
    append_be32(message, static_cast<uint32_t>(option));
    append_be32(message, static_cast<uint32_t>(data.size()));
    message.insert(message.end(), data.begin(), data.end());
    return stream.write(message);
}

Result<Reply> read_reply(Stream& stream, Option option) {
    Bytes head = TRY(stream.read(20));
    if (load_be64(head.data()) != kReplyMagic) return permanent_error("invalid NBD reply from the server");
    if (load_be32(&head[8]) != static_cast<uint32_t>(option))
        return permanent_error("the server replied to an option that was not requested");
    uint32_t size = load_be32(&head[16]);
    if (size > kLongestReply) return permanent_error("the server's reply is ", size, " bytes long");
    return Reply{load_be32(&head[12]), TRY(stream.read(size))};
}

/// The names of the exports; empty where the server does not tell.
Result<std::vector<std::string>> list_exports(Stream& stream) {
    TRY(send_option(stream, Option::list, {}));
    std::vector<std::string> names;
    for (unsigned count = 0; count < kMostReplies; ++count) {
        Reply reply = TRY(read_reply(stream, Option::list));
        if (reply.type != kServer) break;
        if (reply.data.size() < 4) return permanent_error("the server's list of exports is truncated");
        size_t length = std::min<size_t>(load_be32(reply.data.data()), reply.data.size() - 4);
        names.push_back("'" + shown(characters(ByteView(reply.data).subspan(4, length))) + "'");
    }
    return names;
}

std::unexpected<Error> no_such_export(Stream& stream, const std::string& export_name) {
    Result<std::vector<std::string>> names = list_exports(stream);
    std::string there = !names           ? "; it does not list its exports"
                        : names->empty() ? "; it lists none"
                                         : "; it has " + join(*names, ", ");
    return permanent_error("the server has no export '", export_name, "'", there);
}

std::unexpected<Error> refusal(Stream& stream, const Reply& reply, const std::string& export_name) {
    std::string words = reply.data.empty() ? "" : ": " + shown(characters(reply.data));
    if (reply.type == kUnknown) return no_such_export(stream, export_name);
    if (reply.type == kTlsRequired)
        return permanent_error("the server requires TLS, which the kernel's client does not support", words);
    if (reply.type == kShutdown) return transient_error("the server is shutting down", words);
    if (reply.type == kPolicy) return permanent_error("the server does not allow this node", words);
    return permanent_error("the server refused the export '", export_name, "' (error ", reply.type & ~kError,
                           ")", words);
}

Result<> read_information(const Bytes& data, Export& found, bool& has_size) {
    if (data.size() < 2) return permanent_error("the server's information is truncated");
    uint16_t type = load_be16(data.data());
    if (type == kExport) {
        if (data.size() != 12) return permanent_error("the server's size of the export is truncated");
        found.size = load_be64(&data[2]);
        found.flags = load_be16(&data[10]);
        has_size = true;
    } else if (type == kBlockSize) {
        if (data.size() != 14) return permanent_error("the server's block sizes are truncated");
        found.minimum_block = load_be32(&data[2]);
        found.preferred_block = load_be32(&data[6]);
        found.maximum_request = load_be32(&data[10]);
        if (!std::has_single_bit(found.minimum_block) || !std::has_single_bit(found.preferred_block))
            return permanent_error("the server's block sizes are not powers of two");
    }
    return {};
}

Result<Export> use_export_name(Stream& stream, const std::string& export_name, uint16_t flags) {
    TRY(send_option(stream, Option::export_name, as_bytes(export_name)));
    Result<Bytes> answer = stream.read(10);
    // The only way in which a server can refuse this option.
    if (!answer && answer.error().code == ECONNRESET)
        return permanent_error("the server has no export '", export_name,
                               "', or does not allow this node: ", answer.error().what,
                               " instead of answering");
    if (!answer) return std::unexpected(answer.error());
    if (!(flags & kNoZeroes)) TRY(stream.read(kZeroes));
    return Export{.size = load_be64(answer->data()), .flags = load_be16(&(*answer)[8])};
}

Result<Export> go(Stream& stream, const std::string& export_name, uint16_t flags) {
    Bytes data;
    append_be32(data, static_cast<uint32_t>(export_name.size()));
    data.insert(data.end(), export_name.begin(), export_name.end());
    append_be16(data, 1);
    append_be16(data, kBlockSize);
    TRY(send_option(stream, Option::go, data));
    Export found;
    bool has_size = false;
    for (unsigned count = 0; count < kMostReplies; ++count) {
        Reply reply = TRY(read_reply(stream, Option::go));
        if (reply.type == kUnsupported) return use_export_name(stream, export_name, flags);
        if (reply.type & kError) return refusal(stream, reply, export_name);
        if (reply.type == kInformation) TRY(read_information(reply.data, found, has_size));
        if (reply.type != kAcknowledge) continue;
        if (!has_size) return permanent_error("the server did not send the size of the export");
        return found;
    }
    return permanent_error("the server sent too many replies");
}

} // namespace

Result<Export> negotiate(Stream& stream, const std::string& export_name) {
    Bytes greeting = TRY(stream.read(18), "waiting for the server's greeting");
    if (load_be64(greeting.data()) != kServerMagic) return permanent_error("not an NBD server");
    uint64_t style = load_be64(&greeting[8]);
    if (style == kOldStyleMagic)
        return permanent_error(
            "the server uses the NBD protocol from before 2010, which has no export names");
    if (style != kOptionMagic) return permanent_error("invalid NBD greeting from the server");
    uint16_t flags = load_be16(&greeting[16]) & (kFixedNewstyle | kNoZeroes);
    Bytes answer;
    append_be32(answer, flags);
    TRY(stream.write(answer));
    Export found = flags & kFixedNewstyle ? TRY(go(stream, export_name, flags))
                                          : TRY(use_export_name(stream, export_name, flags));
    if (found.size == 0) return permanent_error("the export '", export_name, "' is empty");
    return found;
}

} // namespace mangrove::nbd
