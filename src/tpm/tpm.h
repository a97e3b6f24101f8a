#pragma once

#include <string>

#include "base/result.h"
#include "system/system.h"

/// The machine's TPM 2.0. Objects and sessions that an operation makes in it are gone when it returns.
namespace mangrove::tpm {

/// Each command opens the device again, and the kernel's resource manager (/dev/tpmrm0) forgets objects when
/// it is closed.
inline constexpr const char* kDevice = "/dev/tpm0";

/// A secret that somebody has encrypted to this TPM (TPM2_MakeCredential).
struct Credential {
    std::string blob;   ///< TPM2B_ID_OBJECT without its size
    std::string secret; ///< TPM2B_ENCRYPTED_SECRET without its size
};

/// A key that proves nothing but that it is in the same TPM as the endorsement key: a credential names it. It
/// lasts as long as this object.
class Session {
  public:
    static Result<Session> open(System& system);
    Session(Session&& other) noexcept;
    Session& operator=(Session&&) = delete;
    ~Session();

    /// Public areas (TPMT_PUBLIC).
    const std::string& endorsement_key() const { return endorsement_.public_area; }
    const std::string& named_key() const { return named_.public_area; }

    Result<std::string> decrypt(const Credential& credential) const;

  private:
    struct Key {
        uint32_t handle = 0; ///< 0: none
        std::string public_area = {};
    };
    explicit Session(System& system) : system_(&system) {}
    static Result<Key> create_key(System& system, uint32_t hierarchy, std::string_view public_area);

    System* system_;
    Key endorsement_;
    Key named_;
};

bool has_tpm(System& system);

/// Extends the SHA-256 bank of a PCR by a digest of 32 bytes.
Result<> extend_pcr(System& system, unsigned pcr, std::string_view digest);

} // namespace mangrove::tpm
