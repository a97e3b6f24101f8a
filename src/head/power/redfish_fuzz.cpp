#include <cstdlib>

#include "head/power/testing/scripted_https.h"

using namespace mangrove;
using namespace mangrove::head;

/// The input is what a BMC answers: each answer begins with a byte of its status, and ends with a zero.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr long kStatuses[] = {200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 500, 503};
    std::deque<HttpsAnswer> answers;
    for (const std::string& one : split({reinterpret_cast<const char*>(data), size}, '\0')) {
        if (one.empty()) continue;
        std::vector<std::string> parts = split(std::string_view(one).substr(1), '\x01');
        parts.resize(3);
        answers.push_back({.status = kStatuses[static_cast<unsigned char>(one[0]) % std::size(kStatuses)],
                           .body = parts[0],
                           .location = parts[1],
                           .token = parts[2]});
    }
    Bmc bmc{.node = "n1", .kind = "redfish", .address = {"10.0.0.1", {}}, .user = "u", .secret = "s"};
    if (size % 3 == 0) bmc.uuid = "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54";
    if (size % 3 == 1) bmc.system = "1";
    testing::ScriptedHttps::Asked asked;
    auto https = std::make_unique<testing::ScriptedHttps>(std::move(answers), asked);
    auto order = static_cast<PowerOrder>(size % 4);
    static_cast<void>(obey(*make_redfish_device(bmc, "hunter2", std::move(https)), order, {}));
    for (const HttpsRequest& request : asked.requests) {
        bool is_plain =
            request.path.starts_with('/')
            && std::ranges::none_of(request.path, [](unsigned char c) { return c <= ' ' || c == 127; });
        if (!is_plain || (request.method != "POST" && !request.body.empty())) std::abort();
    }
    return 0;
}
