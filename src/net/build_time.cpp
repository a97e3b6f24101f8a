#include "net/build_time.h"

namespace mangrove {

WallTime build_time() {
    return WallTime(seconds(MANGROVE_BUILD_TIME));
}

} // namespace mangrove
