#include "tpm/message.h"

#include <cstdint>

namespace mangrove::tpm {

namespace {

constexpr uint16_t kWithoutSessions = 0x8001;
constexpr uint16_t kWithSessions = 0x8002;
constexpr size_t kHeaderSize = 10;
constexpr uint32_t kPasswordSession = 0x40000009;

std::string authorization(uint32_t session) {
    return Writer().u32(session).sized("").u8(0).sized("").text();
}

} // namespace

Writer& Writer::u8(uint8_t number) {
    text_ += static_cast<char>(number);
    return *this;
}

Writer& Writer::u16(uint16_t number) {
    return u8(static_cast<uint8_t>(number >> 8)).u8(static_cast<uint8_t>(number));
}

Writer& Writer::u32(uint32_t number) {
    return u16(static_cast<uint16_t>(number >> 16)).u16(static_cast<uint16_t>(number));
}

Writer& Writer::bytes(std::string_view raw) {
    text_ += raw;
    return *this;
}

Writer& Writer::sized(std::string_view raw) {
    return u16(static_cast<uint16_t>(raw.size())).bytes(raw);
}

Result<std::string_view> Reader::take(size_t count) {
    if (count > rest_.size()) return permanent_error("the answer of the TPM is cut short");
    std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
}

Result<uint16_t> Reader::u16() {
    std::string_view taken = TRY(take(2));
    return static_cast<uint16_t>(static_cast<uint8_t>(taken[0]) << 8 | static_cast<uint8_t>(taken[1]));
}

Result<uint32_t> Reader::u32() {
    uint32_t high = TRY(u16());
    return high << 16 | TRY(u16());
}

Result<std::string> Reader::sized() {
    return std::string(TRY(take(TRY(u16()))));
}

std::string empty_password() {
    return authorization(kPasswordSession);
}

std::string policy(uint32_t session) {
    return authorization(session);
}

std::string command(CommandCode code, std::string_view handles, std::string_view authorizations,
                    std::string_view parameters) {
    Writer body;
    body.bytes(handles);
    if (!authorizations.empty()) body.u32(static_cast<uint32_t>(authorizations.size())).bytes(authorizations);
    body.bytes(parameters);
    return Writer()
        .u16(authorizations.empty() ? kWithoutSessions : kWithSessions)
        .u32(static_cast<uint32_t>(kHeaderSize + body.text().size()))
        .u32(static_cast<uint32_t>(code))
        .bytes(body.text())
        .text();
}

Result<std::string> checked_answer(std::string_view answer) {
    Reader header(answer);
    TRY(header.u16());
    uint32_t size = TRY(header.u32());
    uint32_t code = TRY(header.u32());
    if (size != answer.size())
        return permanent_error("the answer of the TPM has ", answer.size(), " bytes and says ", size);
    // TCG, "Trusted Platform Module Library", part 2, 6.6: TPM_RC.
    if (code != 0)
        return permanent_error("the TPM answered with the error 0x", hex(as_bytes(answer.substr(6, 4))));
    return std::string(answer.substr(kHeaderSize));
}

} // namespace mangrove::tpm
