#include "tpm/tpm.h"

#include <utility>

#include "tpm/endorsement_key.h"
#include "tpm/message.h"

namespace mangrove::tpm {

namespace {

constexpr uint32_t kEndorsementHierarchy = 0x4000000b;
constexpr uint32_t kNullHierarchy = 0x40000007; ///< forgets its keys at each start
constexpr uint16_t kSha256 = 0x000b;

Result<std::string> run(System& system, const std::string& command) {
    return checked_answer(TRY(system.exchange(kDevice, command)));
}

void flush(System& system, uint32_t handle) {
    if (handle == 0) return;
    // The machine's next start flushes what remains.
    static_cast<void>(run(system, command(CommandCode::flush_context, {}, {}, Writer().u32(handle).text())));
}

/// A restricted signing key on NIST P-256: no software can have it, for it stays in the TPM.
std::string named_template() {
    return Writer()
        .u16(0x0023)     // ECC
        .u16(kSha256)    // of its name
        .u32(0x00050072) // fixedTPM fixedParent sensitiveDataOrigin userWithAuth restricted sign
        .sized("")       // no policy
        .u16(0x0010)     // encrypts nothing
        .u16(0x0018)     // ECDSA
        .u16(kSha256)
        .u16(0x0003) // NIST P-256
        .u16(0x0010) // no KDF
        .sized("")
        .sized("")
        .text();
}

/// A session that may use the endorsement key, as the policy of its template says.
class PolicySession {
  public:
    static Result<PolicySession> start(System& system) {
        constexpr uint8_t kPolicySession = 1;
        constexpr uint16_t kNoCipher = 0x0010;
        constexpr size_t kShortestNonce = 16;
        // Nothing in this session depends on the nonce: no command of it has an HMAC.
        std::string parameters = Writer()
                                     .sized(std::string(kShortestNonce, '\0'))
                                     .sized("")
                                     .u8(kPolicySession)
                                     .u16(kNoCipher)
                                     .u16(kSha256)
                                     .text();
        std::string handles = Writer().u32(kNullHierarchy).u32(kNullHierarchy).text();
        std::string answer =
            TRY(run(system, command(CommandCode::start_auth_session, handles, {}, parameters)));
        PolicySession session(system, TRY(Reader(answer).u32()));
        TRY(session.satisfy());
        return session;
    }
    PolicySession(PolicySession&& other) noexcept
        : system_(other.system_), handle_(std::exchange(other.handle_, 0)) {}
    PolicySession& operator=(PolicySession&&) = delete;
    ~PolicySession() { flush(*system_, handle_); }

    uint32_t handle() const { return handle_; }

  private:
    PolicySession(System& system, uint32_t handle) : system_(&system), handle_(handle) {}

    /// Shows that the endorsement hierarchy has no password.
    Result<> satisfy() {
        std::string handles = Writer().u32(kEndorsementHierarchy).u32(handle_).text();
        std::string parameters = Writer().sized("").sized("").sized("").u32(0).text();
        TRY(run(*system_, command(CommandCode::policy_secret, handles, empty_password(), parameters)),
            "using the endorsement hierarchy, which must have no password");
        return {};
    }

    System* system_;
    uint32_t handle_;
};

} // namespace

Result<Session::Key> Session::create_key(System& system, uint32_t hierarchy, std::string_view public_area) {
    std::string parameters = Writer()
                                 .sized(Writer().sized("").sized("").text()) // no password, no data
                                 .sized(public_area)
                                 .sized("")
                                 .u32(0) // no PCRs
                                 .text();
    std::string answer = TRY(run(system, command(CommandCode::create_primary, Writer().u32(hierarchy).text(),
                                                 empty_password(), parameters)));
    Reader reader(answer);
    Key key{.handle = TRY(reader.u32())};
    Result<uint32_t> size_of_parameters = reader.u32();
    Result<std::string> made = size_of_parameters ? reader.sized() : Result<std::string>("");
    if (!size_of_parameters || !made) {
        flush(system, key.handle);
        return permanent_error("the answer of the TPM is cut short");
    }
    key.public_area = *made;
    return key;
}

Result<Session> Session::open(System& system) {
    Session session(system);
    session.endorsement_ = TRY(create_key(system, kEndorsementHierarchy, endorsement_template()),
                               "making the endorsement key (ECC NIST P-256)");
    session.named_ = TRY(create_key(system, kNullHierarchy, named_template()), "making a key");
    return session;
}

Session::Session(Session&& other) noexcept
    : system_(other.system_), endorsement_(std::exchange(other.endorsement_, {})),
      named_(std::exchange(other.named_, {})) {}

Session::~Session() {
    flush(*system_, endorsement_.handle);
    flush(*system_, named_.handle);
}

Result<std::string> Session::decrypt(const Credential& credential) const {
    constexpr size_t kMost = 1024; // of both; the largest command of a TPM has some 4 KiB
    if (credential.blob.size() > kMost || credential.secret.size() > kMost)
        return permanent_error("the credential is too large");
    PolicySession allowed = TRY(PolicySession::start(*system_));
    std::string handles = Writer().u32(named_.handle).u32(endorsement_.handle).text();
    std::string parameters = Writer().sized(credential.blob).sized(credential.secret).text();
    std::string answer = TRY(run(*system_, command(CommandCode::activate_credential, handles,
                                                   empty_password() + policy(allowed.handle()), parameters)),
                             "decrypting what was encrypted to the TPM of the node; is it another TPM?");
    Reader reader(answer);
    TRY(reader.u32()); // the size of the parameters
    return reader.sized();
}

bool has_tpm(System& system) {
    return system.path_kind(kDevice) != PathKind::missing;
}

Result<> extend_pcr(System& system, unsigned pcr, std::string_view digest) {
    std::string digests = Writer().u32(1).u16(kSha256).bytes(digest).text();
    TRY(run(system, command(CommandCode::pcr_extend, Writer().u32(pcr).text(), empty_password(), digests)));
    return {};
}

} // namespace mangrove::tpm
