#pragma once

namespace mangrove {

/// Gives a new TCP socket a free source port of 600 to 1023, as NFS does, by which a server sees that the
/// request comes from root on that machine. Leaves the socket as it is where none is free, or this process
/// may not take one. A program that listens with SO_REUSEADDR can still take the same port.
void bind_reserved_port(int socket);

} // namespace mangrove
