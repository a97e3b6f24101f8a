#include <cstdint>

#include "base/text.h"
#include "head/serve/answers.h"

using namespace mangrove;
using namespace mangrove::head;

/// Lines of the input: method, target, If-None-Match, body.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    std::vector<std::string> lines = split(input, '\n');
    lines.resize(4);
    static BootTable table = [] {
        BootTable made;
        made.nodes["n1"] = {.name = "n1",
                            .macs = {"52:54:00:00:00:01"},
                            .addresses = {"192.0.2.1"},
                            .boots = {{"", {.live = "aa"}}, {"r-1", {.definition = "{}"}}},
                            .files = {"aa"}};
        made.names["52:54:00:00:00:01"] = "n1";
        made.nodes["n2"] = {.name = "n2",
                            .macs = {"52:54:00:00:00:02"},
                            .addresses = {"192.0.2.1"},
                            .trust = Trust::tpm,
                            .tpm = "of another machine",
                            .token = "password",
                            .boots = {{"", {.definition = "secret", .live = "cc"}}},
                            .files = {"cc"}};
        made.tars["cc"] = "/secret";
        made.blobs["bb"] = "/blob";
        made.tars["aa"] = "/tar";
        return made;
    }();
    static const BootProfiles profiles("/dev/null/profiles"); // nothing is kept
    size_t noted = 0;
    NodeAnswers answers(
        {.addresses = {"192.0.2.9"}, .leases = {}},
        [&](Discovered machine) { noted += machine.serial.size() + machine.tpm.size(); },
        [&](const std::string&, const std::string& report) { noted += report.size(); }, nullptr, &profiles);
    Asked asked{.method = lines[0],
                .target = lines[1],
                .if_none_match = lines[2],
                .body = lines[3],
                .address = "192.0.2.1",
                .port = 700,
                .is_tls = true};
    Answer answer = answers.answer(table, asked, Admission::Time() + std::chrono::seconds(1000));
    bool is_known = answer.file.empty() || answer.file == "/blob" || answer.file == "/tar";
    // A node with a TPM gets nothing without its keys.
    if (answer.body.contains("secret")) __builtin_trap();
    if (!is_known || answer.status < 200 || answer.status > 503) __builtin_trap();
    return 0;
}
