#include <algorithm>
#include <cstdlib>

#include "attach/nvme_controller.h"
#include "attach/rbd_map_line.h"
#include "definition/parse.h"
#include "mount/nfs_options.h"

using namespace mangrove;

namespace {

const IpAddress kServer = *IpAddress::parse("192.0.2.1");

/// One field a comma, each of those that we write there once: no value of a definition brings in another one.
void must_have_once(const std::string& options, std::initializer_list<std::string_view> ours) {
    std::vector<std::string> fields = split(options, ',');
    for (std::string_view name : ours)
        if (std::ranges::count_if(fields, [&](const std::string& field) { return field.starts_with(name); })
            != 1)
            std::abort();
}

void must_be_one_line(const std::string& text) {
    if (std::ranges::any_of(text, [](char c) { return c == '\n' || c == '\0'; })) std::abort();
}

void check(const definition::Rbd& wanted) {
    Result<std::string> line = rbd_map_line(wanted, {{kServer, 6789}});
    if (!line) return;
    must_be_one_line(*line);
    std::vector<std::string> words = split(*line, ' ');
    if (words.size() != 5 || words[0] != "192.0.2.1:6789") std::abort();
    must_have_once(words[1], {"name="});
}

void check(const definition::Nvme& wanted) {
    std::string request = connect_request({.address = kServer,
                                           .port = wanted.port,
                                           .subsystem = wanted.nqn,
                                           .host = wanted.hostnqn,
                                           .host_id = wanted.hostid,
                                           .dhchap_secret = wanted.dhchap_secret});
    must_be_one_line(request);
    must_have_once(request, {"transport=", "traddr=", "trsvcid=", "nqn=", "hostnqn=", "hostid="});
}

void check(const definition::MountNfs& wanted) {
    for (const std::string& version : nfs_versions(wanted)) {
        Result<MountRequest> request = nfs_request(wanted, version, kServer);
        if (!request) continue;
        must_be_one_line(request->source);
        must_be_one_line(request->options);
        must_have_once(request->options, {"vers=", "proto=", "addr="});
    }
}

void check(const definition::Mount& mount);

void check(const definition::Loopback& wanted) {
    if (wanted.mount) check(*wanted.mount);
}

template <typename Other>
void check(const Other&) {}

void check(const definition::MountAttach& wanted) {
    std::visit([](const auto& kind) { check(kind); }, wanted.attachment.kind);
}

void check(const definition::MountOverlay& wanted) {
    for (const definition::Mount& lower : wanted.lower)
        check(lower);
}

void check(const definition::Mount& mount) {
    std::visit([](const auto& kind) { check(kind); }, mount.kind);
}

} // namespace

/// Checks the strings for krbd, nvme-fabrics and the kernel's NFS that an accepted definition becomes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    definition::ParsedDefinition parsed =
        definition::parse_and_check({reinterpret_cast<const char*>(data), size});
    if (parsed.problems.empty()) check(parsed.definition.mount);
    return 0;
}
