#include "net/router_options.h"

#include <algorithm>

#include "base/byte_order.h"
#include "net/domain_names.h"
#include "net/host_addresses.h"

namespace mangrove {

static constexpr uint8_t kNameServers = 25;
static constexpr uint8_t kSearch = 31;
static constexpr size_t kUnit = 8; // of an option's length
static constexpr size_t kHead = 8; // type, length, two unused bytes, lifetime
/// The most that is kept of each kind, as anybody on the link can advertise. A resolver takes three servers.
static constexpr size_t kLimit = 16;

template <typename Item>
static void update(std::vector<Item>& known, const std::vector<Item>& told, seconds lifetime) {
    for (const Item& item : told) {
        std::erase(known, item);
        if (lifetime.count() > 0 && known.size() < kLimit) known.push_back(item);
    }
}

/// Zeros fill the last eight bytes.
static Result<std::vector<std::string>> read_search(ByteView bytes) {
    while (!bytes.empty() && bytes.back() == 0)
        bytes = bytes.first(bytes.size() - 1);
    Bytes names(bytes.begin(), bytes.end());
    if (!names.empty()) names.push_back(0);
    return decode_domain_names(names);
}

void ResolverAdvice::ignore(std::string problem) {
    bool is_new = std::ranges::find(ignored, problem) == ignored.end();
    if (is_new && ignored.size() < kLimit) ignored.push_back(std::move(problem));
}

void ResolverAdvice::take(ByteView options) {
    while (options.size() >= kHead) {
        size_t size = options[1] * kUnit;
        if (size == 0 || size > options.size()) {
            return ignore(text("option ", options[0], " of a router is truncated"));
        }
        seconds lifetime(load_be32(&options[4]));
        ByteView value = options.subspan(kHead, size - kHead);
        if (options[0] == kNameServers) {
            update(name_servers, read_host_addresses(value), lifetime);
        } else if (options[0] == kSearch) {
            Result<std::vector<std::string>> names = read_search(value);
            if (names)
                update(search, *names, lifetime);
            else
                ignore("option 31 (search list) is invalid: " + names.error().what);
        }
        options = options.subspan(size);
    }
}

} // namespace mangrove
