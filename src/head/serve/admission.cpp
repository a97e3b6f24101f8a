#include "head/serve/admission.h"

#include <algorithm>

namespace mangrove::head {

namespace {

using std::chrono::seconds;

constexpr seconds kLongestWait{120};
/// A node that has not come so long after its turn has been switched off.
constexpr seconds kLate{300};
/// Machines that were switched on together are not to come again together.
constexpr int kJitter = 3; ///< seconds

} // namespace

Admission::Admission(unsigned per_second, unsigned burst)
    : interval_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second),
      tolerance_(interval_ * (burst - 1)) {}

seconds Admission::wait_for(std::chrono::steady_clock::duration left) {
    seconds whole = std::chrono::ceil<seconds>(left) + seconds(random_() % kJitter);
    return std::clamp(whole, seconds(1), kLongestWait);
}

seconds Admission::ask(const std::string& node, Time now) {
    forget_late(now);
    if (auto place = places_.find(node); place != places_.end()) {
        if (place->second > now) return wait_for(place->second - now);
        places_.erase(place);
        return seconds(0);
    }
    next_ = std::max(next_, now) + interval_;
    Time turn = next_ - interval_ - tolerance_;
    if (turn <= now) return seconds(0);
    places_.emplace(node, turn);
    return wait_for(turn - now);
}

void Admission::forget_late(Time now) {
    if (now < swept_ + seconds(1)) return;
    swept_ = now;
    std::erase_if(places_, [&](const auto& place) { return place.second + kLate < now; });
}

} // namespace mangrove::head
