#include "attach/initiator_name.h"

#include "base/log.h"
#include "machine/machine_identity.h"

namespace mangrove {

static constexpr std::string_view kPrefix = "iqn.2026-11.org.mangrove:";

static void announce(const std::string& name, std::string_view origin) {
    static std::string announced;
    if (announced == name) return;
    announced = name;
    log_notice("this machine's iSCSI initiator name is ", name, " (from its ", origin, ")");
}

Result<std::string> default_initiator_name(System& system) {
    MachineIdentity identity = TRY(machine_identity(system), "deriving the initiator name");
    if (identity.text.empty())
        return permanent_error(
            "this machine has neither a UUID nor a network card to derive the initiator name "
            "from; set 'initiator'");
    std::string name = text(kPrefix, identity.text);
    announce(name, identity.origin);
    return name;
}

} // namespace mangrove
