#pragma once

#include <string>

namespace mangrove::head {

/// An initiator that is logged in, or another client of a server. Either may be unknown, and is empty then.
struct User {
    std::string name;
    std::string address;
};

} // namespace mangrove::head
