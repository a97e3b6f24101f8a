#pragma once

#include <string>

#include "base/result.h"

/// Commands and answers of a TPM 2.0 as bytes (TCG, "Trusted Platform Module Library", part 3). A structure
/// with its size before it, a TPM2B, is a `sized` one here.
namespace mangrove::tpm {

enum class CommandCode : uint32_t {
    create_primary = 0x131,
    activate_credential = 0x147,
    policy_secret = 0x151,
    flush_context = 0x165,
    start_auth_session = 0x176,
    pcr_extend = 0x182,
};

class Writer {
  public:
    Writer& u8(uint8_t number);
    Writer& u16(uint16_t number);
    Writer& u32(uint32_t number);
    Writer& bytes(std::string_view raw);
    Writer& sized(std::string_view raw); ///< of less than 64 KiB
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

/// Reads what a TPM has answered. Every error is that it is cut short.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    Result<uint16_t> u16();
    Result<uint32_t> u32();
    Result<std::string> sized();

  private:
    Result<std::string_view> take(size_t count);
    std::string_view rest_;
};

/// The authorizations of a command. An object without a password needs the first, one with a policy the
/// second.
std::string empty_password();
std::string policy(uint32_t session);

/// Returns a whole command. `authorizations` is empty for one that needs none.
std::string command(CommandCode code, std::string_view handles, std::string_view authorizations,
                    std::string_view parameters);

/// Returns what follows the header of an answer. An error where the TPM refuses the command.
Result<std::string> checked_answer(std::string_view answer);

} // namespace mangrove::tpm
