#include "attach/rbd_map_line.h"

#include <algorithm>

namespace mangrove {

/// krbd's own default is a minute of silence.
static constexpr seconds kMountTimeout{15};
static constexpr size_t kPage = 4096;

static const definition::RbdOption* find_option(const definition::Rbd& wanted, std::string_view name) {
    auto found = std::ranges::find(wanted.options, name, &definition::RbdOption::name);
    return found == wanted.options.end() ? nullptr : &*found;
}

uint16_t default_monitor_port(const definition::Rbd& wanted) {
    const definition::RbdOption* mode = find_option(wanted, "ms_mode");
    return mode && mode->value != "legacy" ? 3300 : 6789;
}

seconds rbd_monitor_timeout(const definition::Rbd& wanted) {
    const definition::RbdOption* option = find_option(wanted, "mount_timeout");
    std::optional<uint64_t> number = option ? parse_number(option->value) : std::nullopt;
    if (number == 0) return std::chrono::hours(24 * 365);
    return number ? seconds(*number) : kMountTimeout;
}

static std::string user_of(const definition::Rbd& wanted) {
    return wanted.user.empty() ? "admin" : wanted.user;
}

std::string rbd_key_name(const definition::Rbd& wanted) {
    return "client." + user_of(wanted);
}

static std::string shown(const MonitorAddress& monitor) {
    std::string address = monitor.address.to_text();
    return text(monitor.address.family == IpAddress::Family::v6 ? "[" + address + "]" : address, ":",
                monitor.port);
}

static std::string options_of(const definition::Rbd& wanted) {
    std::string options = "name=" + user_of(wanted);
    if (!wanted.secret.empty()) options += ",key=" + rbd_key_name(wanted);
    if (!wanted.pool_namespace.empty()) options += ",_pool_ns=" + wanted.pool_namespace;
    for (const definition::RbdOption& option : wanted.options)
        options += text(",", option.name, option.value.empty() ? "" : "=", option.value);
    if (!find_option(wanted, "mount_timeout")) options += text(",mount_timeout=", kMountTimeout.count());
    // Without it the map takes a lock, which two nodes would fight for.
    if (!find_option(wanted, "rw") && !find_option(wanted, "ro")) options += ",ro";
    return options;
}

Result<std::string> rbd_map_line(const definition::Rbd& wanted, const std::vector<MonitorAddress>& monitors) {
    std::vector<std::string> shown_monitors;
    std::ranges::transform(monitors, std::back_inserter(shown_monitors), shown);
    std::string line = text(join(shown_monitors, ","), " ", options_of(wanted), " ", wanted.pool, " ",
                            wanted.image, " ", wanted.snapshot.empty() ? "-" : wanted.snapshot);
    if (line.size() >= kPage)
        return permanent_error("krbd accepts at most ", kPage - 1,
                               " characters of monitors and options, not ", line.size());
    return line;
}

std::string rbd_feature_names(uint64_t mask) {
    constexpr std::string_view kNames[] = {"layering",   "striping",     "exclusive-lock", "object-map",
                                           "fast-diff",  "deep-flatten", "journaling",     "data-pool",
                                           "operations", "migrating"};
    std::vector<std::string> names;
    for (size_t bit = 0; bit < 64; ++bit)
        if (mask & (uint64_t{1} << bit))
            names.push_back(bit < std::size(kNames) ? std::string(kNames[bit]) : text("bit ", bit));
    return join(names, ", ");
}

} // namespace mangrove
