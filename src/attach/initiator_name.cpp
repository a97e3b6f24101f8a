#include "attach/initiator_name.h"

#include "attach/machine_identity.h"
#include "base/log.h"

namespace mangrove {

namespace {

constexpr std::string_view kPrefix = "iqn.2026-11.org.mangrove:";

void announce(const std::string& name, std::string_view origin) {
    static std::string announced;
    if (announced == name) return;
    announced = name;
    log_notice("this machine's iSCSI initiator name is ", name, " (from ", origin, ")");
}

} // namespace

Result<std::string> default_initiator_name(System& system) {
    std::string identity = machine_uuid(system);
    std::string_view origin = "its UUID";
    if (identity.empty()) {
        identity = TRY(first_hardware_address(system), "deriving the initiator name");
        origin = "its network card";
    }
    if (identity.empty())
        return permanent_error(
            "this machine has neither a UUID nor a network card to derive the initiator name "
            "from; set 'initiator'");
    std::string name = text(kPrefix, identity);
    announce(name, origin);
    return name;
}

} // namespace mangrove
