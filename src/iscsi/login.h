#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "iscsi/chap.h"
#include "iscsi/pdu.h"
#include "iscsi/text_keys.h"

/// The login phase of a session, RFC 7143 section 6.3, as a state machine without I/O.
namespace mangrove::iscsi {

enum class Digest { none, crc32c };

/// The address on which a target listens. `host` is a name, an IPv4 or an IPv6 address without brackets.
struct Portal {
    std::string host;
    uint16_t port = 3260;

    /// Returns "192.0.2.1:3260" or "[2001:db8::1]:3260".
    std::string to_text() const;
    bool operator==(const Portal&) const = default;
};

/// Parses the value of TargetAddress: "host[:port][,portal group]", IPv6 in brackets.
std::optional<Portal> parse_target_address(std::string_view address);

/// The target sends the initiator to another portal: for this login, or from now on.
struct Redirect {
    enum class Duration { temporary, permanent };
    Portal portal;
    Duration duration = Duration::temporary;
};

/// The negotiated parameters, in the form that the kernel takes after the login.
struct Negotiated {
    uint32_t expected_status_number = 0;
    std::optional<ChapAlgorithm> chap; ///< what both proved themselves with
    uint16_t target_portal_group = 1;
    Digest header_digest = Digest::none;
    Digest data_digest = Digest::none;
    uint32_t max_receive_data_segment = 262144;
    uint32_t max_transmit_data_segment = 8192;
    bool initial_r2t = true;
    bool immediate_data = true;
    uint32_t first_burst = 65536;
    uint32_t max_burst = 262144;
    uint32_t max_outstanding_r2t = 1;
};

/// A discovery session names no target and has no disks; it only asks for the list of targets.
enum class SessionType { normal, discovery };

struct LoginOptions {
    SessionType type = SessionType::normal;
    std::string initiator;
    std::string target;
    Isid isid = {};
    std::optional<ChapSecrets> chap;
    std::vector<ChapAlgorithm> algorithms = {ChapAlgorithm::sha256, ChapAlgorithm::md5};
    Bytes random; ///< Chap::kRandomSize bytes for a mutual authentication
    Digest header_digest = Digest::none;
    Digest data_digest = Digest::none;
};

/// The target chose SHA-256 for CHAP and then refused the answer. Targets that follow a draft of iSCSI (tgt,
/// IET) take the number of SHA-256 for SHA-1: a login that offers MD5 alone may succeed.
struct Sha256Refused {
    Error refusal;
};

/// The next PDU to send, or the outcome.
using LoginStep = std::variant<Pdu, Redirect, Sha256Refused, Negotiated>;

class Login {
  public:
    explicit Login(LoginOptions options);

    Result<Pdu> start();
    /// Processes a response; accepts any bytes. A refusal is an error in words with the status,
    /// "authentication failed (0201)": transient for the target's own errors (class 3), otherwise permanent.
    Result<LoginStep> answer(const Pdu& response);

  private:
    enum class Awaiting { method, challenge, proof, end_of_security, end_of_login };

    Result<LoginStep> take_refusal(const LoginResponse& response) const;
    Result<LoginStep> take_keys(const LoginResponse& response, const TextKeys& keys);
    Result<LoginStep> take_method(const LoginResponse& response, const TextKeys& keys);
    Result<LoginStep> take_proof(const LoginResponse& response, const TextKeys& keys);
    Result<LoginStep> take_operational(const LoginResponse& response, const TextKeys& keys);
    Pdu request(Stage stage, bool transit, const TextKeys& keys);
    Pdu continue_security(const LoginResponse& response);
    TextKeys names() const;
    bool needs_chap() const;
    void add_operational_keys(TextKeys& keys) const;
    Result<Negotiated> settle() const;
    Result<Digest> settled_digest(std::string_view key, Digest wanted) const;
    Result<uint32_t> settled_number(std::string_view key, uint32_t otherwise) const;
    Result<bool> settled_flag(std::string_view key, bool otherwise) const;

    LoginOptions options_;
    std::optional<Chap> chap_;
    Awaiting awaiting_ = Awaiting::end_of_login;
    Stage stage_ = Stage::operational;
    bool transit_ = false; ///< of the last request
    uint32_t expected_status_number_ = 0;
    unsigned exchanges_ = 0;
    Bytes partial_text_;
    std::map<std::string, std::string> answers_; ///< of the operational stage
    uint16_t target_portal_group_ = 1;
};

} // namespace mangrove::iscsi
