#include "iscsi/chap.h"

#include <algorithm>
#include <mbedtls/md.h>

namespace mangrove::iscsi {

namespace {

const mbedtls_md_info_t* hash_of(ChapAlgorithm algorithm) {
    return mbedtls_md_info_from_type(algorithm == ChapAlgorithm::md5 ? MBEDTLS_MD_MD5 : MBEDTLS_MD_SHA256);
}

Result<std::string> required(const TextKeys& keys, std::string_view key) {
    std::optional<std::string> value = keys.value(key);
    if (!value) return permanent_error("CHAP: the target sent no ", key);
    return *value;
}

} // namespace

std::string_view algorithm_name(ChapAlgorithm algorithm) {
    return algorithm == ChapAlgorithm::md5 ? "MD5" : "SHA-256";
}

Bytes chap_response(ChapAlgorithm algorithm, uint8_t identifier, std::string_view secret,
                    ByteView challenge) {
    const mbedtls_md_info_t* hash = hash_of(algorithm);
    Bytes message = {identifier};
    message.insert(message.end(), secret.begin(), secret.end());
    message.insert(message.end(), challenge.begin(), challenge.end());
    Bytes response(mbedtls_md_get_size(hash));
    // Fails only for a hash that is not built in.
    if (mbedtls_md(hash, message.data(), message.size(), response.data()) != 0) response.clear();
    std::fill(message.begin(), message.end(), uint8_t{0});
    return response;
}

bool is_equal_in_constant_time(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.size(); ++i)
        difference = difference | (a[i] ^ b[i]);
    return difference == 0;
}

Chap::Chap(ChapSecrets secrets, std::vector<ChapAlgorithm> algorithms, Bytes random)
    : secrets_(std::move(secrets)), algorithms_(std::move(algorithms)) {
    if (!secrets_.is_mutual() || random.size() < kRandomSize) return;
    own_identifier_ = random.front();
    own_challenge_.assign(random.begin() + 1, random.begin() + kRandomSize);
}

void Chap::offer(TextKeys& request) const {
    std::vector<std::string> numbers;
    for (ChapAlgorithm algorithm : algorithms_)
        numbers.push_back(text(static_cast<unsigned>(algorithm)));
    request.add("CHAP_A", join(numbers, ","));
}

Result<> Chap::answer(const TextKeys& challenge, TextKeys& request) {
    std::string algorithm_number = TRY(required(challenge, "CHAP_A"));
    std::string identifier_text = TRY(required(challenge, "CHAP_I"));
    std::string challenge_text = TRY(required(challenge, "CHAP_C"));
    for (ChapAlgorithm offered : algorithms_)
        if (algorithm_number == text(static_cast<unsigned>(offered))) chosen_ = offered;
    if (!chosen_)
        return permanent_error("CHAP: the target chose the algorithm '", printable(algorithm_number),
                               "', which was not offered");
    std::optional<uint64_t> identifier = parse_number(identifier_text);
    if (!identifier || *identifier > 255)
        return permanent_error("CHAP: the target sent CHAP_I=", printable(identifier_text));
    std::optional<Bytes> bytes = parse_binary_value(challenge_text);
    if (!bytes || bytes->empty())
        return permanent_error("CHAP: the target sent an invalid CHAP_C: not a binary value");
    // A target that knows no secret could have us answer our own challenge.
    if (*bytes == own_challenge_) return permanent_error("CHAP: the target sent our own challenge back");

    Bytes response = chap_response(*chosen_, static_cast<uint8_t>(*identifier), secrets_.password, *bytes);
    request.add("CHAP_N", secrets_.username);
    request.add("CHAP_R", "0x" + hex(response));
    if (!secrets_.is_mutual()) return {};
    request.add("CHAP_I", text(own_identifier_));
    request.add("CHAP_C", "0x" + hex(own_challenge_));
    return {};
}

Result<> Chap::verify(const TextKeys& proof) const {
    if (!secrets_.is_mutual()) return {};
    std::string name = TRY(required(proof, "CHAP_N"), "authenticating the target");
    std::string response_text = TRY(required(proof, "CHAP_R"), "authenticating the target");
    std::optional<Bytes> response = parse_binary_value(response_text);
    Bytes expected = chap_response(*chosen_, own_identifier_, secrets_.password_in, own_challenge_);
    if (name != secrets_.username_in)
        return permanent_error("the target failed mutual CHAP: its CHAP name is '", printable(name),
                               "', not 'username_in' of the definition");
    if (!response || !is_equal_in_constant_time(*response, expected))
        return permanent_error("the target failed mutual CHAP: its answer does not match 'password_in'");
    return {};
}

} // namespace mangrove::iscsi
