#pragma once

#include <string>

#include "head/command/publish_commands.h"
#include "head/target/target.h"

namespace mangrove::head {

/// What is to become a LUN.
struct LunRequest {
    std::string name;
    std::string path = {}; ///< below the target's directory, or of a device; empty: NAME.img
    uint64_t size = 0;     ///< 0: as it is
    Lun::Kind kind = Lun::Kind::file;
    std::string source = {}; ///< of an upload
};

enum class TargetFact { host, port, iqn };

/// What each prints goes to standard output; `target`: its name.
Result<> target_start(const Directories& directories, const Target& asked, Form form);
Result<> target_stop(const Directories& directories, const std::string& target, Form form, InUse in_use);
Result<> target_show(const Directories& directories, const std::string& target, TargetFact fact, Form form);
Result<> target_add_lun(const Directories& directories, const std::string& target, const LunRequest& request,
                        Form form);
Result<> target_remove_lun(const Directories& directories, const std::string& target, const std::string& lun,
                           Form form);
Result<> target_list_luns(const Directories& directories, const std::string& target, Form form);
/// Brings the image into the target's directory, and makes it a LUN where it is none.
Result<> target_upload(const Directories& directories, const std::string& target, const LunRequest& request,
                       Form form);

} // namespace mangrove::head
