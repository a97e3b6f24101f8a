#pragma once

#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/host/outcome.h"
#include "head/publish/publishing.h"
#include "head/target/lun_files.h"
#include "head/target/target.h"

/// The operations on targets. Each opens their records and returns what it did.
namespace mangrove::head {

/// A file or device that becomes a LUN.
struct LunRequest {
    std::string name;
    std::string path = {}; ///< below the target's directory, or of a device; empty: NAME.img
    uint64_t size = 0;     ///< 0: as it is
    Lun::Kind kind = Lun::Kind::file;
    std::string source = {}; ///< of an upload
};

struct Uploaded {
    Lun lun;
    std::string iqn;
    Upload upload = Upload::copied;
};

Outcome<Target> start_target(const Directories& directories, const Target& asked, Progress& progress);
/// With all of its LUNs.
Outcome<> stop_target(const Directories& directories, const std::string& name, InUse in_use,
                      Progress& progress);
/// The started target of this name.
Result<Target> find_target(const Directories& directories, const std::string& name);
Outcome<Lun> add_lun(const Directories& directories, const std::string& target, const LunRequest& request,
                     Progress& progress);
Outcome<> remove_lun(const Directories& directories, const std::string& target, const std::string& lun,
                     Progress& progress);
/// By their numbers.
Result<std::vector<Lun>> list_luns(const Directories& directories, const std::string& target);
/// Brings the image into the target's directory, and makes it a LUN where it is none. Others may change
/// targets while it is copied.
Outcome<Uploaded> upload_lun(const Directories& directories, const std::string& target,
                             const LunRequest& request, Progress& progress);

} // namespace mangrove::head
