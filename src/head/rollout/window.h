#pragma once

#include <array>
#include <string>
#include <string_view>

#include "head/rollout/time_zone.h"

namespace mangrove::head {

/// The hours in which nodes may begin: "Mon-Fri 20:00-06:00 Europe/Madrid", "Sat,Sun 00:00-24:00 UTC". The
/// days are those on which it opens; without days, it opens each day. One that ends no later than it begins
/// goes on until the next day. Hours that a clock skips in spring do not exist; those that it repeats in
/// autumn count twice.
class Window {
  public:
    static Result<Window> parse(std::string_view written,
                                const std::filesystem::path& zones = "/usr/share/zoneinfo");

    /// `moment`: seconds since 1970, UTC.
    bool is_open(int64_t moment) const;

  private:
    std::array<bool, 7> opens_on_ = {}; ///< from Sunday on
    int64_t from_ = 0;                  ///< minutes after midnight
    int64_t to_ = 0;
    TimeZone zone_;
};

} // namespace mangrove::head
