#include "head/power/device.h"

#include <algorithm>
#include <array>

namespace mangrove::head {

namespace {

constexpr std::array<std::string_view, 3> kStates = {"off", "on", "unknown"};
constexpr std::array<std::string_view, 4> kOrders = {"status", "on", "off", "cycle"};

} // namespace

std::string_view name_of(PowerState state) {
    return kStates[static_cast<size_t>(state)];
}

std::string_view name_of(PowerOrder order) {
    return kOrders[static_cast<size_t>(order)];
}

Result<PowerOrder> power_order_from(std::string_view name) {
    auto found = std::ranges::find(kOrders, name);
    if (found == kOrders.end())
        return permanent_error("power: expected ", join({kOrders.begin(), kOrders.end()}, ", "), ", got '",
                               name, "'");
    return static_cast<PowerOrder>(found - kOrders.begin());
}

Result<PowerState> obey(PowerDevice& device, PowerOrder order, const IsMeant& is_meant) {
    PowerState state = TRY(device.state());
    bool is_on_wanted = order == PowerOrder::on && state == PowerState::on;
    bool is_off_wanted = order == PowerOrder::off && state == PowerState::off;
    if (order == PowerOrder::status || is_on_wanted || is_off_wanted) return state;
    if (is_meant && !TRY(is_meant())) return state;
    bool begins = order == PowerOrder::cycle && state == PowerState::off;
    TRY(device.change(begins ? PowerOrder::on : order));
    return order == PowerOrder::off ? PowerState::off : PowerState::on;
}

} // namespace mangrove::head
