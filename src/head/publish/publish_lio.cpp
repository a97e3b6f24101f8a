/// iSCSI from the kernel's target (LIO), through configfs as the kernel's Documentation/target/ has it: a
/// backstore on the image's file, a target with LUN 0 that nobody can write to, open to everyone (demo mode)
/// or to the initiators that are named. It lives until the machine is started anew.

#include "head/publish/iscsi_mount.h"
#include "head/publish/lio.h"

namespace mangrove::head {

namespace {

Json definition_part(const PublishRequest& request, const std::string& target) {
    PublishRequest named = request;
    named.lun = 0;
    return iscsi_mount(named, target);
}

} // namespace

Result<Plan> plan_lio(Host& host, const PublishRequest& request) {
    TRY(check_lio(host));
    if (!request.backing_type.empty() || !request.backing_store.empty())
        return permanent_error(
            "--backing and --backing-store cannot be used with --server lio (only with tgt)");
    std::string target = target_name(request);
    TRY(check_iscsi_name("--target", target));
    std::string group = lio_group(target);
    std::string store = free_lio_adapter(host, "fileio");
    std::vector<Step> steps;
    add_lio_fabric(host, steps);
    TRY(add_lio_backstore(steps, store, request.image.id, {request.image.file(), request.image.size},
                          Reservations::are_refused));
    steps.push_back(lio_directory(std::filesystem::path(group).parent_path()));
    steps.push_back(lio_directory(group));
    steps.push_back(lio_directory(group + "/lun/lun_0"));
    steps.push_back(lio_link(group + "/lun/lun_0/" + request.image.id, store + "/" + request.image.id));
    TRY(add_lio_login(steps, group, request.login, Access::read_only));
    add_lio_mapped_lun(steps, group, request.login, 0, request.image.id, Access::read_only);
    steps.push_back(lio_portal(group, request.address, request.port));
    steps.push_back(lio_attribute(group + "/enable", "1"));
    return Plan{std::move(steps), definition_part(request, target)};
}

} // namespace mangrove::head
