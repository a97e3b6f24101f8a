#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "head/power/bmc.h"

namespace mangrove::head {

enum class PowerState { off, on, unknown };
enum class PowerOrder { status, on, off, cycle };

std::string_view name_of(PowerState state);
std::string_view name_of(PowerOrder order);
/// "status", "on", "off" or "cycle"
Result<PowerOrder> power_order_from(std::string_view name);

/// Whether the power of a node may change now.
using IsMeant = std::function<Result<bool>()>;

/// The seam to one node's BMC. Errors name neither node nor BMC; each call ends within two minutes.
class PowerDevice {
  public:
    virtual ~PowerDevice() = default;

    virtual Result<PowerState> state() = 0;
    /// Takes on, off and cycle, the last only while the node is on.
    virtual Result<> change(PowerOrder order) = 0;
};

/// Gives an order, unless the node has that power already, and returns the power that the node has then.
/// A cycle switches a node on that is off. `is_meant` is asked right before the power changes.
Result<PowerState> obey(PowerDevice& device, PowerOrder order, const IsMeant& is_meant);

std::unique_ptr<PowerDevice> make_ipmi_device(Bmc bmc, std::string password);
std::unique_ptr<PowerDevice> make_powerman_device(Bmc bmc);
std::unique_ptr<PowerDevice> make_redfish_device(Bmc bmc, std::string password);

} // namespace mangrove::head
