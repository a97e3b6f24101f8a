/// iSCSI from the kernel's target (LIO), through configfs as the kernel's Documentation/target/ has it: a
/// backstore on the image's file, a target with LUN 0 that nobody can write to, open to everyone (demo mode)
/// or to the initiators that are named. It lives until the machine is started anew.

#include "ctl/lio.h"
#include "ctl/publish.h"

namespace mangrove::ctl {

namespace {

/// An initiator that may log in, and may not write.
void add_initiator(std::vector<Step>& steps, const std::string& group, const std::string& initiator,
                   const PublishRequest& request) {
    std::string access = text(group, "/acls/", initiator);
    steps.push_back(lio_directory(access));
    if (!request.chap_user.empty()) {
        steps.push_back(lio_attribute(access + "/auth/userid", request.chap_user));
        steps.push_back(lio_attribute(access + "/auth/password", request.chap_password));
        steps.back().secret = request.chap_password;
    }
    steps.push_back(lio_directory(access + "/lun_0"));
    steps.push_back(lio_link(access + "/lun_0/" + request.image.id, group + "/lun/lun_0"));
    steps.push_back(lio_attribute(access + "/lun_0/write_protect", "1"));
}

void add_access(std::vector<Step>& steps, const std::string& group, const PublishRequest& request) {
    bool is_open = request.initiators.empty();
    steps.push_back(lio_attribute(group + "/attrib/authentication", request.chap_user.empty() ? "0" : "1"));
    steps.push_back(lio_attribute(group + "/attrib/generate_node_acls", is_open ? "1" : "0"));
    steps.push_back(lio_attribute(group + "/attrib/demo_mode_write_protect", "1"));
    for (const std::string& initiator : request.initiators)
        add_initiator(steps, group, initiator, request);
}

Json definition_part(const PublishRequest& request, const std::string& target) {
    PublishRequest named = request;
    named.lun = 0;
    return iscsi_mount(named, target);
}

} // namespace

Result<Plan> plan_lio(Host& host, const PublishRequest& request) {
    TRY(check_lio(host));
    if (!request.chap_user.empty() && request.initiators.empty())
        return permanent_error("--chap-file: LIO keeps passwords with initiators; name them (--initiator)");
    std::string target = target_name(request);
    std::string group = lio_group(target);
    std::string store = free_lio_adapter(host, "fileio");
    std::vector<Step> steps;
    add_lio_fabric(host, steps);
    add_lio_backstore(
        steps, store, request.image.id,
        text("fd_dev_name=", request.image.file().native(), ",fd_dev_size=", request.image.size));
    steps.push_back(lio_directory(std::filesystem::path(group).parent_path()));
    steps.push_back(lio_directory(group));
    steps.push_back(lio_directory(group + "/lun/lun_0"));
    steps.push_back(lio_link(group + "/lun/lun_0/" + request.image.id, store + "/" + request.image.id));
    add_access(steps, group, request);
    steps.push_back(lio_portal(group, request.address, request.port));
    steps.push_back(lio_attribute(group + "/enable", "1"));
    return Plan{std::move(steps), definition_part(request, target)};
}

} // namespace mangrove::ctl
