#pragma once

#include <functional>

#include "head/daemon/listeners.h"
#include "head/serve/answers.h"
#include "head/serve/authority.h"
#include "head/serve/meter.h"

namespace mangrove::head {

using AnswerRequest = std::function<Answer(const Asked& asked)>;

/// The answers of a server, and its certificate.
struct Service {
    Listeners listeners;
    std::filesystem::path certificate; ///< and its key (PEM)
    size_t connections;                ///< at most
    /// Neither blocks: the thread of the server calls them. Answer::finish may; other threads call it.
    AnswerRequest answer_node;
    AnswerRequest answer_operator;
    std::function<void()> every_second;
    Meter& meter;
};

/// Serves in the calling thread until SIGTERM or SIGINT: HTTP/1.1 (RFC 9112), also over TLS. Connections that
/// are silent, slow or talk something else are closed.
Result<> serve(Service service);

/// Serves one connection, a Unix socket, in the calling thread until it ends.
void serve_connection(UniqueFd socket, const AnswerRequest& answer);

} // namespace mangrove::head
