#pragma once

#include <string>

#include "head/host/host.h"

/// The address at which nodes reach a server of this machine.
namespace mangrove::head {

/// An IPv4 or IPv6 address, without brackets.
bool is_ip_address(const std::string& host);
/// An error where `host`, which `option` gave, is neither an address that a machine can have nor a name as
/// DNS has it (RFC 1123, section 2.1).
Result<> check_host(const char* option, const std::string& host);
/// Why nodes may not reach it: no interface of this machine has the address, or it is a name; empty: nothing
/// is known against it.
std::string host_warning(Host& machine, const char* option, const std::string& host);

} // namespace mangrove::head
