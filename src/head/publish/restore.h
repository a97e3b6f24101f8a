#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/directories.h"
#include "head/host/progress.h"

namespace mangrove::head {

struct Restored {
    struct Failure {
        std::string id;
        Error error;
    };
    std::vector<std::string> again = {}; ///< the records that are served again
    std::vector<Failure> failed = {};
};

/// Has the servers serve again what is recorded, publications and targets, after they were started anew. What
/// is there stays. One that fails does not keep the others from being restored.
Result<Restored> restore(const Directories& directories, Progress& progress);

} // namespace mangrove::head
