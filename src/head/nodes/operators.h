#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "head/nodes/database.h"

/// People and programs that use the API of the head node. From another machine, one shows a token, of which
/// the database keeps the SHA-256 alone.
namespace mangrove::head {

/// Each may also do what those before it may.
enum class Role {
    view,
    operate, ///< writes nodes, groups and all that nodes boot
    admin,   ///< makes and removes tokens
};

Result<Role> role_from(std::string_view name);
std::string_view role_name(Role role);

struct Operator {
    std::string name;
    Role role = Role::view;
};

/// The record of a token.
struct Token {
    std::string name;
    Role role = Role::view;
    std::string digest; ///< SHA-256 of the token
    std::string made;   ///< "2026-11-29T21:35:00Z"
    std::string by;     ///< who made it
};

/// Makes a token of 256 random bits and returns it; it is kept nowhere. An error where the name has one.
Result<std::string> make_token(Database& database, const std::string& name, Role role, const std::string& by);
Result<std::vector<Token>> list_tokens(Database& database);
/// The error suggests a name.
Result<> remove_token(Database& database, const std::string& name);
/// Returns whose token it is; nothing where it is nobody's.
Result<std::optional<Operator>> find_operator(Database& database, std::string_view token);

/// Returns what commands and the API show of a token.
Json description_of(const Token& token);

} // namespace mangrove::head
