#pragma once

#include <type_traits>

#include "base/refusals.h"
#include "system/network.h"

namespace mangrove {

/// Returns what `attempt` gives for the first address of a host that it succeeds with; else the errors of
/// all, as one error.
template <typename Attempt>
std::invoke_result_t<Attempt, const IpAddress&> try_each_address(Network& network, const std::string& host,
                                                                 Attempt attempt) {
    Refusals refusals;
    for (const IpAddress& address : TRY(network.resolve(host))) {
        auto result = attempt(address);
        if (result) return result;
        refusals.add(std::move(result).error(), Refusals::Source::server);
    }
    return std::move(refusals).to_error(host + " has no address");
}

} // namespace mangrove
