#include "oci/authentication.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/json.h"

namespace mangrove::oci {

namespace {

bool is_token_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Takes what the grammar has in turn (RFC 9110, 11.2 and 5.6).
class Scanner {
  public:
    explicit Scanner(std::string_view rest) : rest_(rest) {}

    bool is_at_end() const { return rest_.empty(); }
    void skip(std::string_view letters) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(letters), rest_.size()));
    }
    bool take(char wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::string take_word() {
        auto end = std::ranges::find_if_not(rest_, is_token_letter);
        std::string word(rest_.begin(), end);
        rest_.remove_prefix(word.size());
        return word;
    }
    std::optional<std::string> take_value() {
        if (!take('"')) {
            std::string word = take_word();
            return word.empty() ? std::nullopt : std::optional(word);
        }
        std::string value;
        while (!rest_.empty() && !rest_.starts_with('"')) {
            if (take('\\') && rest_.empty()) break;
            value += rest_.front();
            rest_.remove_prefix(1);
        }
        return take('"') ? std::optional(value) : std::nullopt;
    }

  private:
    std::string_view rest_;
};

struct Written {
    std::string scheme = {};
    Challenge challenge = {};
};

void set(Challenge& challenge, const std::string& name, std::string value) {
    if (name == "realm") challenge.realm = std::move(value);
    if (name == "service") challenge.service = std::move(value);
    if (name == "scope") challenge.scope = std::move(value);
}

/// As far as it can be read.
std::vector<Written> all_challenges(std::string_view header) {
    std::vector<Written> found;
    Scanner scanner(header);
    for (;;) {
        scanner.skip(" \t,");
        std::string word = scanner.take_word();
        if (word.empty()) return found;
        scanner.skip(" \t");
        if (!scanner.take('=')) {
            found.push_back({.scheme = lower_case(word)});
            continue;
        }
        scanner.skip(" \t");
        std::optional<std::string> value = scanner.take_value();
        if (!value || found.empty()) return found;
        set(found.back().challenge, lower_case(word), *std::move(value));
    }
}

/// In a query (RFC 3986, 3.4).
std::string escaped(std::string_view value) {
    constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/,*";
    std::string written;
    for (char c : value)
        if (kPlain.find(c) != std::string_view::npos)
            written += c;
        else
            written += "%" + hex(as_bytes({&c, 1}));
    return written;
}

} // namespace

std::string Challenge::token_url() const {
    std::string url = realm;
    char separator = realm.find('?') == std::string::npos ? '?' : '&';
    auto add = [&](std::string_view name, std::string_view value) {
        url += text(separator, name, "=", escaped(value));
        separator = '&';
    };
    if (!service.empty()) add("service", service);
    for (const std::string& part : split(scope, ' '))
        if (!part.empty()) add("scope", part);
    return url;
}

Result<Challenge> parse_challenge(std::string_view header) {
    std::vector<Written> found = all_challenges(header);
    auto bearer = std::ranges::find(found, "bearer", &Written::scheme);
    if (bearer != found.end()) {
        if (bearer->challenge.realm.empty())
            return permanent_error(
                "the registry wants a token and does not say from where (WWW-Authenticate)");
        return bearer->challenge;
    }
    if (std::ranges::find(found, "basic", &Written::scheme) != found.end())
        return Challenge{.is_basic = true};
    return permanent_error("the registry wants neither a token nor a password (WWW-Authenticate)");
}

Result<Token> parse_token(std::string_view answer) {
    constexpr uint64_t kLongest = 86400;
    Json json(cJSON_ParseWithLength(answer.data(), answer.size()));
    if (!cJSON_IsObject(json.get())) return permanent_error("the answer is not JSON");
    Token token = {.value = text_at(json.get(), "token")};
    if (token.value.empty()) token.value = text_at(json.get(), "access_token");
    if (token.value.empty()) return permanent_error("the answer has no token");
    if (std::ranges::any_of(token.value, [](char c) { return c <= ' ' || c > '~'; }))
        return permanent_error("the answer has a token that no header can have");
    if (uint64_t seconds = number_at(json.get(), "expires_in"); seconds > 0)
        token.lifetime = std::chrono::seconds(std::min(seconds, kLongest));
    return token;
}

} // namespace mangrove::oci
