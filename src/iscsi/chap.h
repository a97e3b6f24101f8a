#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "iscsi/text_keys.h"

/// CHAP as iSCSI uses it: RFC 1994 and RFC 7143 section 12.1.3. No error contains a secret.
namespace mangrove::iscsi {

/// The numbers of IANA's "PPP Authentication Algorithms".
enum class ChapAlgorithm : uint8_t { md5 = 5, sha256 = 7 };

std::string_view algorithm_name(ChapAlgorithm algorithm);

struct ChapSecrets {
    std::string username;
    std::string password;
    std::string username_in; ///< not empty: the target has to prove itself too (mutual CHAP)
    std::string password_in;

    bool is_mutual() const { return !username_in.empty() || !password_in.empty(); }
};

/// Returns H(identifier, secret, challenge).
Bytes chap_response(ChapAlgorithm algorithm, uint8_t identifier, std::string_view secret, ByteView challenge);

/// Compares in a time that depends on the length alone.
bool is_equal_in_constant_time(ByteView a, ByteView b);

/// The initiator's side of one authentication: `offer`, then `answer` the target's challenge, then `verify`
/// the target's proof when the authentication is mutual.
class Chap {
  public:
    static constexpr size_t kRandomSize = 33; ///< of the identifier and the challenge to the target

    /// `random` is used once, for a mutual authentication: kRandomSize bytes.
    Chap(ChapSecrets secrets, std::vector<ChapAlgorithm> algorithms, Bytes random);

    void offer(TextKeys& request) const;
    Result<> answer(const TextKeys& challenge, TextKeys& request);
    /// Verifies the target's proof when the authentication is mutual.
    Result<> verify(const TextKeys& proof) const;

    /// Returns the algorithm once the target has chosen one.
    std::optional<ChapAlgorithm> chosen() const { return chosen_; }

  private:
    ChapSecrets secrets_;
    std::vector<ChapAlgorithm> algorithms_;
    uint8_t own_identifier_ = 0;
    Bytes own_challenge_;
    std::optional<ChapAlgorithm> chosen_;
};

} // namespace mangrove::iscsi
