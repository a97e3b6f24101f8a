#include <cstdlib>

#include "head/rollout/health.h"
#include "head/rollout/node_state.h"
#include "head/rollout/release.h"
#include "head/rollout/rollout.h"
#include "head/rollout/window.h"

using namespace mangrove;
using namespace mangrove::head;

namespace {

/// A record that is read is written as one that is read as the same.
template <typename Read>
void check(Read read, const char* key, const std::string& value) {
    auto record = read(Entry{.key = key, .value = value});
    if (!record) {
        if (record.error().what.empty()) std::abort();
        return;
    }
    std::string written = to_json(*record);
    auto again = read(Entry{.key = key, .value = written});
    if (!again || to_json(*again) != written) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::string value(data + 1, data + size);
    switch (data[0] % 6) {
    case 0:
        check(node_state_from, "state/n1", value);
        break;
    case 1:
        check(rollout_from, "rollout/1", value);
        break;
    case 2:
        check(release_from, "release/r-1", value);
        break;
    case 3:
        if (Result<TimeZone> zone = TimeZone::parse(value, "fuzz")) zone->offset_at(1'796'000'000);
        break;
    case 5:
        if (Result<NodeEvent> event = health_event(value, {}); !event && event.error().what.empty())
            std::abort();
        break;
    default:
        if (Result<Window> window = Window::parse(value)) window->is_open(1'796'000'000);
    }
    return 0;
}
