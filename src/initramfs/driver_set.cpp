#include "initramfs/driver_set.h"

#include <algorithm>
#include <span>

#include "initramfs/module_information.h"

namespace mangrove {

namespace {

const std::vector<DriverSet>& driver_sets() {
    static const std::vector<DriverSet> sets = {
        {"net",
         {"drivers/net/ethernet/", "drivers/net/phy/", "drivers/net/mdio/", "drivers/net/pcs/"},
         {"pci:", "of:", "acpi", "platform:", "auxiliary:", "mdio:", "vmbus:", "xen:", "virtio:"},
         {"vmxnet3", "hv_netvsc", "xen_netfront"}},
        {"infiniband", {"drivers/infiniband/hw/"}, {}, {"ib_ipoib"}},
        {"usb-net", {"drivers/net/usb/"}, {"usb:"}, {"xhci_pci", "ehci_pci"}},
    };
    return sets;
}

/// Each wired driver calls one of them: it makes an Ethernet device, registers one, or a PHY or an MDIO bus.
constexpr std::string_view kOfWiredDrivers[] = {
    "alloc_etherdev_mqs", "devm_alloc_etherdev_mqs", "register_netdev",     "register_netdevice",
    "usbnet_probe",       "phy_drivers_register",    "phy_driver_register", "__mdiobus_register",
    "of_mdiobus_register"};
constexpr std::string_view kOfWirelessDrivers[] = {"wiphy_new_nm", "wiphy_register", "ieee80211_alloc_hw_nm",
                                                   "ieee80211_register_hw"};

bool contains_any(const std::vector<std::string>& words, std::span<const std::string_view> wanted) {
    return std::ranges::any_of(
        words, [&](const std::string& word) { return std::ranges::find(wanted, word) != wanted.end(); });
}

/// One whose calls cannot be read is taken: too much costs memory, too little the boot.
bool is_wired_driver(const std::vector<std::string>& imports) {
    return imports.empty()
           || (contains_any(imports, kOfWiredDrivers) && !contains_any(imports, kOfWirelessDrivers));
}

} // namespace

const DriverSet* find_driver_set(std::string_view name) {
    auto found = std::ranges::find(driver_sets(), name, &DriverSet::name);
    return found == driver_sets().end() ? nullptr : &*found;
}

bool is_of_driver_set(const DriverSet& set, const ModuleSet& modules, const std::string& path) {
    for (const std::string& directory : set.directories)
        if (("/" + path).find("/" + directory) != std::string::npos) return true;
    // The kernel's own modules have their directory.
    if (path.starts_with("kernel/") || path.find("/drivers/") != std::string::npos) return false;
    Result<std::string> file = modules.file_of(path);
    if (!file) return false;
    std::vector<std::string> aliases = read_module_information(*file).aliases;
    bool is_on_bus = std::ranges::any_of(aliases, [&](const std::string& alias) {
        return std::ranges::any_of(set.buses, [&](const std::string& bus) { return alias.starts_with(bus); });
    });
    return is_on_bus && is_wired_driver(read_imported_symbols(*file));
}

} // namespace mangrove
