#include <algorithm>
#include <cstdlib>

#include "oci/authentication.h"

using namespace mangrove;

/// The first line is WWW-Authenticate, the rest what a server of tokens answers.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    std::string_view line = input.substr(0, input.find('\n'));
    if (Result<oci::Challenge> challenge = oci::parse_challenge(line)) {
        if (!challenge->is_basic && challenge->realm.empty()) std::abort();
        std::string url = challenge->token_url();
        if (!url.starts_with(challenge->realm)) std::abort();
        std::string_view query = std::string_view(url).substr(challenge->realm.size());
        if (!std::ranges::all_of(query, [](char c) { return c > ' ' && c <= '~' && c != '#'; })) std::abort();
    }
    if (Result<oci::Token> token = oci::parse_token(input.substr(std::min(line.size() + 1, input.size())))) {
        bool is_safe = std::ranges::all_of(token->value, [](char c) { return c > ' ' && c <= '~'; });
        if (token->value.empty() || !is_safe || token->lifetime.count() < 1) std::abort();
    }
    return 0;
}
