#pragma once

#include <string>
#include <vector>

#include "head/host/user.h"
#include "head/publish/record.h"

/// Asks the servers of publications and targets whether nodes can reach one, and which use it.
namespace mangrove::head {

/// "2 nodes use it: iqn.2003-01.org.example:node (192.0.2.101), 192.0.2.102"
std::string to_text(const std::vector<User>& users);

/// Returns its present users, as far as its server can tell: a web server has only downloads, and NFS before
/// version 4 has no sessions. An error if the server cannot be asked.
Result<std::vector<User>> users_of(Host& host, const Record& record);
/// Ends their sessions, and lets none begin, where the server would refuse to end what is in use.
Result<> end_users(Host& host, const Record& record);

/// Reaches it as a node does; the error says what to do about it. `size`: of the image; 0: not known.
Result<> check_served(Host& host, const Record& record, uint64_t size);

} // namespace mangrove::head
