#include "head/nodes/operators.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/random.h>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/nodes/changes.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "token/";
constexpr std::string_view kRoles[] = {"view", "operate", "admin"};

std::string key_of(const std::string& name) {
    return text(kPrefix, name);
}

/// "mgv_" lets programs that look for secrets in repositories find it.
Result<std::string> random_token() {
    std::array<unsigned char, 32> bytes = {};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return system_error(errno, "reading random bytes");
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string token = "mgv_";
    for (unsigned char byte : bytes)
        (token += kDigits[byte >> 4]) += kDigits[byte & 15];
    return token;
}

} // namespace

Result<Role> role_from(std::string_view name) {
    const auto* found = std::ranges::find(kRoles, name);
    if (found != std::end(kRoles)) return static_cast<Role>(found - std::begin(kRoles));
    return permanent_error("'", name, "': unknown role; expected view, operate or admin");
}

std::string_view role_name(Role role) {
    return kRoles[static_cast<size_t>(role)];
}

Json description_of(const Token& token) {
    Json json = make_json_object();
    add_text(json.get(), "name", token.name);
    add_text(json.get(), "role", std::string(role_name(token.role)));
    add_text(json.get(), "made", token.made);
    add_text(json.get(), "by", token.by);
    return json;
}

Result<std::string> make_token(Database& database, const std::string& name, Role role,
                               const std::string& by) {
    TRY(check_name("token", name));
    std::string secret = TRY(random_token());
    Token token{.name = name, .role = role, .digest = digest_of_text(secret), .made = utc_now(), .by = by};
    Json json = description_of(token);
    add_text(json.get(), "sha256", token.digest);
    Result<uint64_t> written = database.commit({{key_of(name), print_json(json), 0}});
    if (!written && written.error().code == ESTALE)
        return permanent_error("token ", name, ": already exists; remove it first (mangrovectl token remove ",
                               name, ")");
    if (!written) return std::unexpected(written.error());
    return secret;
}

Result<std::vector<Token>> list_tokens(Database& database) {
    std::vector<Token> tokens;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix)))) {
        Json json = TRY(parse_json(entry.value, entry.key));
        tokens.push_back({.name = entry.key.substr(kPrefix.size()),
                          .role = TRY(role_from(text_at(json.get(), "role")), "reading ", entry.key),
                          .digest = text_at(json.get(), "sha256"),
                          .made = text_at(json.get(), "made"),
                          .by = text_at(json.get(), "by")});
    }
    return tokens;
}

Result<> remove_token(Database& database, const std::string& name) {
    std::vector<std::string> names;
    for (const Token& token : TRY(list_tokens(database)))
        names.push_back(token.name);
    if (std::ranges::find(names, name) == names.end())
        return permanent_error("token ", name, ": not found", did_you_mean(name, names));
    TRY(database.commit({{key_of(name), std::nullopt}}));
    return {};
}

Result<std::optional<Operator>> find_operator(Database& database, std::string_view token) {
    std::string digest = digest_of_text(token);
    for (const Token& known : TRY(list_tokens(database)))
        if (known.digest == digest) return Operator{known.name, known.role};
    return std::nullopt;
}

} // namespace mangrove::head
