#pragma once

#include "base/unique_fd.h"
#include "head/serve/settings.h"

namespace mangrove::head {

/// The sockets that requests come in by: those that systemd passed (LISTEN_FDS, named http, https and api),
/// or new ones.
struct Listeners {
    UniqueFd http;
    UniqueFd https;
    UniqueFd api;       ///< of the operators, a Unix socket
    UniqueFd operators; ///< the same for other machines, where the configuration wants it
};

Result<Listeners> open_listeners(const Settings& settings);

/// Tells systemd (sd_notify(3)); nothing where it did not start the program.
void notify_systemd(const std::string& state);

} // namespace mangrove::head
