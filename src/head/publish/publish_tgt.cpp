/// iSCSI from tgtd, by tgtadm(8): a target with one LUN that nobody can write to. It lives as long as tgtd
/// does.

#include "head/publish/iscsi_mount.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

Result<Plan> plan_tgt(Host& host, const PublishRequest& request) {
    if (request.lun == 0) return permanent_error("--lun: tgt uses LUN 0 for its controller; use 1 or higher");
    if (request.backing_type.empty() != request.backing_store.empty())
        return permanent_error("--backing and --backing-store go together");
    std::string target = target_name(request);
    TRY(check_iscsi_name("--target", target));
    std::string number = TRY(free_target_number(host));
    std::string lun = text(request.lun);
    std::vector<Step> steps = {target_step(number, target)};
    std::vector<std::string> unit = {"--tid", number, "--lun", lun, "--backing-store"};
    unit.push_back(request.backing_store.empty() ? request.image.file().native() : request.backing_store);
    TRY(check_tgt_word(unit.back()));
    if (!request.backing_type.empty()) unit.insert(unit.end(), {"--bstype", request.backing_type});
    steps.push_back({.words = tgtadm("logicalunit", "new", unit),
                     .probe = tgtadm("target", "show"),
                     .probe_line = text(target_line(target), "\nLUN information:\nLUN: ", lun),
                     .scope = Step::Scope::of_an_earlier_step});
    steps.push_back(tgt_command(
        tgtadm("logicalunit", "update", {"--tid", number, "--lun", lun, "--params", "readonly=1"})));
    TRY(add_tgt_login(steps, number, target, request.login));
    return Plan{std::move(steps), iscsi_mount(request, target)};
}

} // namespace mangrove::head
