#include "system/system.h"

namespace mangrove {

Result<> run_bounded(System& system, const std::string& operation, milliseconds time_limit,
                     const std::function<Result<>()>& action) {
    TRY(system.run_bounded(operation, time_limit, [&]() -> Result<std::string> {
        TRY(action());
        return std::string();
    }));
    return {};
}

} // namespace mangrove
