#include <utility>
#include <variant>

#include "attach/attach.h"
#include "attach/initiator_name.h"
#include "attach/iscsi_disk.h"
#include "base/log.h"
#include "iscsi/discovery.h"
#include "iscsi/session.h"
#include "iscsi/watched_session.h"

// The attachment `iscsi` (docs/schemes/iscsi.md): one LUN of a target, RFC 7143. Reads `target` (without it,
// the only one that the portals offer), `host`,
// `port`, `portals`, `lun`, `initiator`, `max_commands`, `queue_depth`, `scheduler`, `chap`, `header_digest`,
// `data_digest` and `replacement_timeout`.

namespace mangrove {

namespace {

iscsi::Digest to_digest(definition::Digest digest) {
    return digest == definition::Digest::crc32c ? iscsi::Digest::crc32c : iscsi::Digest::none;
}

iscsi::LoginTarget to_login_target(const definition::Iscsi& wanted, std::string initiator) {
    iscsi::LoginTarget target;
    target.target = wanted.target;
    target.initiator = std::move(initiator);
    if (!wanted.host.empty()) target.portals.push_back({wanted.host, wanted.port});
    for (const definition::Portal& portal : wanted.portals)
        target.portals.push_back({portal.host, portal.port});
    if (wanted.chap)
        target.chap = iscsi::ChapSecrets{wanted.chap->username, wanted.chap->password,
                                         wanted.chap->username_in, wanted.chap->password_in};
    target.header_digest = to_digest(wanted.header_digest);
    target.data_digest = to_digest(wanted.data_digest);
    target.max_commands = wanted.max_commands;
    target.queue_depth = wanted.queue_depth;
    target.replacement_timeout = seconds(wanted.replacement_timeout);
    return target;
}

Result<> load_modules(System& system) {
    // iscsi_tcp takes a crc32c for every connection, also without digests, and would call for a modprobe.
    if (Result<> loaded = system.load_module("crypto-crc32c"); !loaded)
        log_notice(loaded.error().what, ", ignoring: it may be built in");
    TRY(system.load_module("iscsi_tcp"));
    return system.load_module("sd_mod");
}

} // namespace

Result<std::string> attach(Boot& boot, const definition::Iscsi& wanted, Undo& undo) {
    System& system = boot.system;
    std::string initiator = wanted.initiator.empty() ? TRY(default_initiator_name(system)) : wanted.initiator;
    TRY(load_modules(system));
    iscsi::LoginTarget target = to_login_target(wanted, std::move(initiator));
    if (target.target.empty())
        target = TRY(
            timed(boot, "looking for the target", [&] { return iscsi::discover_target(system, target); }));
    iscsi::LoginTarget in_boot = target;
    in_boot.replacement_timeout = patience_in_boot(target.replacement_timeout);
    iscsi::Session session = TRY(iscsi::log_in(system, in_boot));
    std::shared_ptr<WatchedConnection> watched = iscsi::watch_session(target, session);
    undo.push(text("logging out of ", target.target), [&boot, watched, session] {
        std::erase(boot.connections, watched);
        return iscsi::log_out(boot.system, session);
    });
    boot.connections.push_back(watched);
    undo.push(text("removing the disks of ", target.target),
              [&system, session] { return remove_iscsi_disks(system, session); });
    std::string disk = TRY(find_iscsi_disk(system, session, target.target, wanted.lun));
    tune_disk(system, disk, wanted.scheduler, wanted.queue_depth);
    log_notice("LUN ", wanted.lun, " of ", target.target, " at ", session.connected_to.to_text(), " is /dev/",
               disk);
    return "/dev/" + disk;
}

/// The session as the kernel knows it.
static Result<iscsi::Session> find_session(System& system, uint32_t number) {
    iscsi::Session session;
    session.number.id = number;
    session.connection = {number, 0};
    std::string expected =
        TRY(system.read_file(text("/sys/class/iscsi_connection/connection", number, ":0/exp_statsn")));
    session.negotiated.expected_status_number =
        static_cast<uint32_t>(parse_number(trim(expected)).value_or(0));
    return session;
}

/// "session3" of "../devices/platform/host2/session3/target2:0:0/2:0:0:1/block/sda", or an empty string.
static std::string session_of_disk(System& system, const std::string& device) {
    std::string name = device.substr(device.rfind('/') + 1);
    Result<std::string> place = system.read_link("/sys/block/" + name);
    for (std::string& part : split(place.value_or(""), '/'))
        if (part.starts_with("session")) return std::move(part);
    return {};
}

Result<> release(System& system, const Attached<definition::Iscsi>& chosen) {
    constexpr const char* kSessions = "/sys/class/iscsi_session";
    constexpr std::string_view kPrefix = "session";
    if (system.path_kind(kSessions) != PathKind::directory) return {};
    std::string wanted = chosen.device.empty() ? "" : session_of_disk(system, chosen.device);
    if (!chosen.device.empty() && wanted.empty()) return {};
    for (const std::string& name : TRY(system.list_directory(kSessions))) {
        std::optional<uint64_t> number = parse_number(std::string_view(name).substr(kPrefix.size()));
        if (!number || (!wanted.empty() && wanted != name)) continue;
        iscsi::Session session = TRY(find_session(system, static_cast<uint32_t>(*number)));
        TRY(remove_iscsi_disks(system, session));
        TRY(iscsi::log_out(system, session));
    }
    return {};
}

} // namespace mangrove
