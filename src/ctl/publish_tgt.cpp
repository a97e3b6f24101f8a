/// iSCSI from tgtd, by tgtadm(8): a target with one LUN that nobody can write to. It lives as long as tgtd
/// does.

#include <set>

#include "ctl/publish.h"

namespace mangrove::ctl {

namespace {

std::vector<std::string> tgtadm(const char* mode, const char* operation,
                                std::vector<std::string> words = {}) {
    std::vector<std::string> all = {"tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation};
    all.insert(all.end(), words.begin(), words.end());
    return all;
}

/// The lowest number that no target has.
Result<std::string> free_target_number(Host& host) {
    std::set<uint64_t> taken;
    std::string shown = TRY(host.run(tgtadm("target", "show")), "asking tgtd for its targets");
    for (const std::string& line : split(shown, '\n')) {
        if (!line.starts_with("Target ")) continue;
        std::string_view rest = std::string_view(line).substr(7);
        if (std::optional<uint64_t> number = parse_number(rest.substr(0, rest.find(':'))))
            taken.insert(*number);
    }
    uint64_t number = 1;
    while (taken.contains(number))
        ++number;
    return text(number);
}

Step command(std::vector<std::string> words) {
    return {.words = std::move(words)};
}

/// Deleted by force also when nodes are logged in, with its LUNs and bindings.
Step target_step(const std::string& number, const std::string& name) {
    return {.words = tgtadm("target", "new", {"--tid", number, "--targetname", name}),
            .undo_words = tgtadm("target", "delete", {"--force", "--tid", number}),
            .probe = tgtadm("target", "show"),
            .probe_line = text("Target ", number, ": ", name)};
}

/// Accounts are tgtd's own, beside its targets.
void add_account(std::vector<Step>& steps, const std::string& number, const PublishRequest& request) {
    const std::string& user = request.chap_user;
    steps.push_back({.words = tgtadm("account", "new", {"--user", user, "--password", request.chap_password}),
                     .undo_words = tgtadm("account", "delete", {"--user", user}),
                     .probe = tgtadm("account", "show"),
                     .probe_line = user,
                     .secret = request.chap_password});
    steps.push_back(command(tgtadm("account", "bind", {"--tid", number, "--user", user})));
}

} // namespace

std::string target_name(const PublishRequest& request) {
    return request.target.empty() ? "iqn.2026-11.org.mangrove:" + lower_case(request.image.id)
                                  : request.target;
}

Json iscsi_mount(const PublishRequest& request, const std::string& target) {
    Json iscsi = make_json_object();
    add_text(iscsi.get(), "host", request.address);
    if (request.port != 0) cJSON_AddNumberToObject(iscsi.get(), "port", request.port);
    add_text(iscsi.get(), "target", target);
    cJSON_AddNumberToObject(iscsi.get(), "lun", static_cast<double>(request.lun));
    if (request.initiators.size() == 1) add_text(iscsi.get(), "initiator", request.initiators[0]);
    if (!request.chap_user.empty()) {
        cJSON* chap = add_object(iscsi.get(), "chap");
        add_text(chap, "username", request.chap_user);
        add_text(chap, "password", request.chap_password);
    }
    return attach_mount(request.image, "iscsi", std::move(iscsi));
}

Result<Plan> plan_tgt(Host& host, const PublishRequest& request) {
    if (request.lun == 0) return permanent_error("--lun: LUN 0 of a target of tgt is its controller");
    if (request.backing_type.empty() != request.backing_store.empty())
        return permanent_error("--backing and --backing-store go together");
    std::string target = target_name(request);
    std::string number = TRY(free_target_number(host));
    std::string lun = text(request.lun);
    std::vector<Step> steps = {target_step(number, target)};
    std::vector<std::string> unit = {"--tid", number, "--lun", lun, "--backing-store"};
    unit.push_back(request.backing_store.empty() ? request.image.file().native() : request.backing_store);
    if (!request.backing_type.empty()) unit.insert(unit.end(), {"--bstype", request.backing_type});
    steps.push_back(command(tgtadm("logicalunit", "new", unit)));
    steps.push_back(
        command(tgtadm("logicalunit", "update", {"--tid", number, "--lun", lun, "--params", "readonly=1"})));
    if (!request.chap_user.empty()) add_account(steps, number, request);
    // Last: until then nobody can log in.
    if (request.initiators.empty())
        steps.push_back(command(tgtadm("target", "bind", {"--tid", number, "--initiator-address", "ALL"})));
    for (const std::string& initiator : request.initiators)
        steps.push_back(command(tgtadm("target", "bind", {"--tid", number, "--initiator-name", initiator})));
    return Plan{std::move(steps), iscsi_mount(request, target)};
}

} // namespace mangrove::ctl
