#include "lazy/registry.h"

#include "base/sha256.h"
#include "lazy/answer.h"
#include "net/url.h"

namespace mangrove::lazy {

namespace {

constexpr const char* kPassword = "Basic";

std::string_view characters(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

std::string credential_of(const RangeRequest& request) {
    return request.username.empty() ? request.token : kPassword;
}

Result<> check_answer(const RangeHead& head, ByteView body) {
    constexpr unsigned kOk = 200;
    if (head.status != kOk && may_pass(head.status))
        return transient_error("the server answered ", head.status);
    if (head.status != kOk) return permanent_error("the server answered ", head.status);
    if (body.size() > kLongestAnswer)
        return permanent_error("the answer is longer than ", kLongestAnswer, " bytes");
    return {};
}

Result<oci::Layer> image_in_manifest(const std::string& digest, ByteView manifest) {
    // HTML of a proxy has another digest, too.
    Result<std::vector<oci::Layer>> layers = oci::layers_of(characters(manifest));
    Sha256 sha256;
    sha256.add(manifest);
    std::string found = "sha256:" + sha256.finish();
    if (found != digest)
        return permanent_error("the manifest has another digest: ", found,
                               layers ? "" : "; " + layers.error().what);
    return oci::image_of(TRY(std::move(layers)));
}

std::string Registry::path() const {
    return text("/v2/", artifact.repository, blob.empty() ? "/manifests/" : "/blobs/",
                blob.empty() ? artifact.digest : blob);
}

std::string Registry::realm() const {
    Result<Url> url = Url::parse(challenge ? challenge->realm : "");
    return "the server of tokens " + (url ? url->shown() : "");
}

Question Registry::question(Time now) const {
    bool has_token = !token.empty() && now < expiry;
    if (challenge && !challenge->is_basic && !has_token) return Question::token;
    return blob.empty() ? Question::manifest : Question::none;
}

bool Registry::needs_renewal(Time now) const {
    return !token.empty() && !is_renewing && now >= renewal;
}

Result<> Registry::take_challenge(const std::string& header, const std::string& credential) {
    // Requests that were under way together are refused together.
    bool is_outdated = challenge && (challenge->is_basic ? credential != kPassword : credential != token);
    if (is_outdated) return {};
    bool may_have_expired = challenge && !challenge->is_basic && is_token_proven;
    if (!credential.empty() && !may_have_expired)
        return permanent_error("the server answered ", kUnauthorized, ": it refuses ",
                               credential == kPassword ? "the username or password"
                               : challenge             ? "the token of " + realm()
                                                       : "the token");
    challenge = TRY(oci::parse_challenge(header));
    token.clear();
    is_token_proven = false;
    return {};
}

Result<> Registry::take_token(const Ranges::End& end, ByteView body, Time now) {
    if (end.error) return std::unexpected(*end.error);
    TRY(check_answer(end.head, body));
    oci::Token taken = TRY(oci::parse_token(characters(body)));
    token = std::move(taken.value);
    is_token_proven = false;
    expiry = now + taken.lifetime;
    renewal = now + taken.lifetime * 3 / 4;
    return {};
}

} // namespace mangrove::lazy
