/// A target as steps: for tgtd through tgtadm(8), for the kernel's target (LIO) through configfs. What may
/// be written to is the target's to say.

#include "head/target/target.h"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <iterator>
#include <sys/socket.h>

#include "base/host_port.h"
#include "base/unique_fd.h"
#include "head/host/address.h"
#include "head/image/store.h"
#include "head/publish/lio.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

namespace {

bool is_address(const std::string& host, int family) {
    unsigned char parsed[sizeof(in6_addr)];
    return ::inet_pton(family, host.c_str(), parsed) == 1;
}

std::string portal_of(const Target& target, std::string_view address) {
    return text(bracketed(address), ":", target.port);
}

/// tgtd listens where it was told to; another portal is added for this target's sake, or kept for it where
/// another target had it added.
Result<> add_tgt_portal(Host& host, std::vector<Step>& steps, const Target& target,
                        const std::vector<Record>& others) {
    std::string shown = TRY(host.run(tgtadm("portal", "show")), "asking tgtd where it listens");
    std::vector<std::string> lines = split(shown, '\n');
    const char* everywhere = is_address(target.host, AF_INET6) ? "::" : "0.0.0.0";
    auto listens = [&](std::string_view address) {
        return std::ranges::find(lines, text("Portal: ", portal_of(target, address), ",1")) != lines.end();
    };
    const std::string portal = "portal=" + portal_of(target, target.host);
    Step step{.words = tgtadm("portal", "new", {"--param", portal}),
              .undo_words = tgtadm("portal", "delete", {"--param", portal}),
              .probe = tgtadm("portal", "show"),
              .probe_line = text("Portal: ", portal_of(target, target.host), ",1"),
              .scope = Step::Scope::shared};
    bool is_there = listens(target.host) || listens(everywhere);
    if (!is_there || has_step(others, step)) steps.push_back(std::move(step));
    return {};
}

Result<std::vector<Step>> tgt_target_steps(Host& host, const Target& target,
                                           const std::vector<Record>& others) {
    std::string number = TRY(free_target_number(host));
    std::vector<Step> steps;
    TRY(add_tgt_portal(host, steps, target, others));
    steps.push_back(target_step(number, target.iqn));
    TRY(add_tgt_login(steps, number, target.iqn, target.login));
    return steps;
}

Result<std::vector<Step>> tgt_lun_steps(Host& host, const Target& target, const Lun& lun) {
    std::string number = TRY(target_number(host, target.iqn));
    TRY(check_tgt_word(lun.path));
    auto unit = [&](const std::string& tid, const std::vector<std::string>& more) {
        std::vector<std::string> words = {"--tid", tid, "--lun", text(lun.number)};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    std::vector<Step> steps = {
        {.words = tgtadm("logicalunit", "new", unit(number, {"--backing-store", lun.path})),
         .undo_words = tgtadm("logicalunit", "delete", unit(kNumberPlaceholder, {})),
         .probe = tgtadm("target", "show"),
         .probe_line = text(target_line(target.iqn), "\nLUN information:\nLUN: ", lun.number)}};
    if (target.access == Access::read_only)
        steps.push_back(
            tgt_command(tgtadm("logicalunit", "update", unit(number, {"--params", "readonly=1"}))));
    return steps;
}

Result<std::vector<Step>> lio_target_steps(Host& host, const Target& target) {
    TRY(check_lio(host));
    const std::string group = lio_group(target.iqn);
    std::vector<Step> steps;
    add_lio_fabric(host, steps);
    steps.push_back(lio_directory(std::filesystem::path(group).parent_path()));
    steps.push_back(lio_directory(group));
    TRY(add_lio_login(steps, group, target.login, target.access));
    steps.push_back(lio_portal(group, target.host, target.port));
    steps.push_back(lio_attribute(group + "/enable", "1"));
    return steps;
}

Result<std::vector<Step>> lio_lun_steps(Host& host, const Target& target, const Lun& lun) {
    bool is_file = lun.kind == Lun::Kind::file;
    std::string adapter = free_lio_adapter(host, is_file ? "fileio" : "iblock");
    std::string store = text(target.name, ".", lun.name);
    const std::string group = lio_group(target.iqn);
    std::string place = text(group, "/lun/lun_", lun.number);
    std::vector<Step> steps;
    bool is_shared = target.access == Access::read_only;
    TRY(add_lio_backstore(steps, adapter, store, {lun.path, is_file ? lun.size : 0},
                          is_shared ? Reservations::are_refused : Reservations::are_granted));
    steps.push_back(lio_directory(place));
    steps.push_back(lio_link(place + "/" + store, adapter + "/" + store));
    add_lio_mapped_lun(steps, group, target.login, lun.number, store, target.access);
    return steps;
}

} // namespace

Result<Target> complete_target(Target target) {
    TRY(check_image_name(target.name), "naming a target");
    const std::vector<std::string> servers = target_server_names();
    if (std::ranges::find(servers, target.server) == servers.end())
        return permanent_error("--server: unknown server '", target.server, "'",
                               did_you_mean(target.server, servers), "; there are ", join(servers, ", "));
    if (target.iqn.empty()) target.iqn = target_name_for(target.name);
    TRY(check_iscsi_name("--iqn", target.iqn));
    if (target.iqn.find_first_of("_,;") != std::string::npos)
        return permanent_error("--iqn: '", target.iqn,
                               "' has a '_', ',' or ';', which tgtd and nodes refuse");
    if (target.host.empty()) target.host = TRY(address_of_host());
    if (!is_ip_address(target.host))
        return permanent_error("--host: '", target.host, "' is not an IP address");
    TRY(check_host("--host", target.host));
    if (target.port == 0) return permanent_error("--port: 0 is not a port");
    bool is_for_anyone = target.login.user.empty() && target.login.initiators.empty();
    if (is_for_anyone && target.access == Access::read_write && !target.login.is_open)
        return permanent_error(
            "every machine that reaches the target could write to its LUNs; restrict it with --chap-file, ",
            "or --initiator NAME, or allow that with --initiator all, or make it --read-only");
    return target;
}

Result<Record> plan_target(Host& host, const Target& target, const std::vector<Record>& others) {
    std::vector<Step> steps = target.server == "lio" ? TRY(lio_target_steps(host, target))
                                                     : TRY(tgt_target_steps(host, target, others));
    return Record{.id = target.name,
                  .image = target.name,
                  .over = "iscsi",
                  .server = target.server,
                  .definition = print_json(to_json(target)),
                  .steps = std::move(steps)};
}

Result<Record> plan_lun(Host& host, const Record& started, const Lun& lun) {
    Target target = TRY(target_from(started));
    return Record{.id = text(target.name, ":", lun.name),
                  .image = target.name,
                  .over = "iscsi",
                  .server = target.server,
                  .definition = print_json(to_json(lun)),
                  .steps = target.server == "lio" ? TRY(lio_lun_steps(host, target, lun))
                                                  : TRY(tgt_lun_steps(host, target, lun))};
}

uint64_t free_lun(const Target& target, const std::vector<Lun>& luns) {
    uint64_t number = target.server == "tgt" ? 1 : 0; // LUN 0 of tgt is its controller
    while (std::ranges::find(luns, number, &Lun::number) != luns.end())
        ++number;
    return number;
}

std::vector<std::string> target_server_names() {
    return {"tgt", "lio"};
}

Result<std::string> address_of_host() {
    // Connecting a socket of UDP sends nothing; it only looks up the way. The address is one for
    // documentation.
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in other = {};
    other.sin_family = AF_INET;
    other.sin_port = htons(9);
    ::inet_pton(AF_INET, "192.0.2.1", &other.sin_addr);
    sockaddr_in own = {};
    socklen_t length = sizeof own;
    char written[INET_ADDRSTRLEN] = {};
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&other), sizeof other) != 0
        || ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0
        || !::inet_ntop(AF_INET, &own.sin_addr, written, sizeof written))
        return permanent_error("--host: this machine has no default route; give its address");
    return written;
}

} // namespace mangrove::head
