#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "definition/definition.h"

/// Whether nodes can reach what is served: each logs in, or asks, as a node does, at the address that nodes
/// are given, and leaves again. A server that is not there is an error with the code ECONNREFUSED.
namespace mangrove::head {

/// `initiator`: in the place of the one that the definition has none of.
Result<> reach_iscsi(const definition::Iscsi& iscsi, const std::string& initiator,
                     std::chrono::seconds timeout);
/// `size`: of the image; 0: whatever the server says.
Result<> reach_nbd(const definition::Nbd& nbd, uint64_t size, std::chrono::seconds timeout);
/// Looks `path` up below the root of the server's NFSv4 exports. `refusal`: an error where the server does
/// not show it, or none, where this machine need not be among the clients.
enum class Refusal { is_error, is_ignored };
Result<> reach_nfs(const std::string& host, const std::string& path, Refusal refusal,
                   std::chrono::seconds timeout, uint16_t port = 2049);
/// A HEAD.
Result<> reach_url(const std::string& url, uint64_t size, std::chrono::seconds timeout);
/// A GET of the first byte alone, of the first URL.
Result<> reach_parts_of_url(const definition::Http& http, uint64_t size, std::chrono::seconds timeout);

} // namespace mangrove::head
