/// iSCSI from the kernel's target (LIO), through configfs as the kernel's Documentation/target/ has it: a
/// backstore on the image's file, a target with LUN 0 that nobody can write to, open to everyone (demo mode)
/// or to the initiators that are named. It lives until the machine is started anew.

#include "ctl/publish.h"

namespace mangrove::ctl {

namespace {

constexpr const char* kRoot = "/sys/kernel/config/target";

Step directory(std::string path) {
    return {.kind = Step::Kind::directory, .path = std::move(path)};
}

Step attribute(std::string path, std::string contents) {
    return {.kind = Step::Kind::attribute, .path = std::move(path), .contents = std::move(contents)};
}

Step link(std::string path, std::string target) {
    return {.kind = Step::Kind::link, .path = std::move(path), .contents = std::move(target)};
}

/// fileio, of the lowest number that is free.
std::string backstore_path(Host& host) {
    int number = 0;
    while (host.exists(text(kRoot, "/core/fileio_", number)))
        ++number;
    return text(kRoot, "/core/fileio_", number);
}

void add_backstore(std::vector<Step>& steps, const std::string& adapter, const PublishRequest& request) {
    std::string store = adapter + "/" + request.image.id;
    steps.push_back(directory(adapter));
    steps.push_back(directory(store));
    steps.push_back(attribute(store + "/control", text("fd_dev_name=", request.image.file().native(),
                                                       ",fd_dev_size=", request.image.size)));
    steps.push_back(attribute(store + "/enable", "1"));
}

/// An initiator that may log in, and may not write.
void add_initiator(std::vector<Step>& steps, const std::string& group, const std::string& initiator,
                   const PublishRequest& request) {
    std::string access = text(group, "/acls/", initiator);
    steps.push_back(directory(access));
    if (!request.chap_user.empty()) {
        steps.push_back(attribute(access + "/auth/userid", request.chap_user));
        steps.push_back(attribute(access + "/auth/password", request.chap_password));
        steps.back().secret = request.chap_password;
    }
    steps.push_back(directory(access + "/lun_0"));
    steps.push_back(link(access + "/lun_0/" + request.image.id, group + "/lun/lun_0"));
    steps.push_back(attribute(access + "/lun_0/write_protect", "1"));
}

void add_access(std::vector<Step>& steps, const std::string& group, const PublishRequest& request) {
    bool is_open = request.initiators.empty();
    steps.push_back(attribute(group + "/attrib/authentication", request.chap_user.empty() ? "0" : "1"));
    steps.push_back(attribute(group + "/attrib/generate_node_acls", is_open ? "1" : "0"));
    steps.push_back(attribute(group + "/attrib/demo_mode_write_protect", "1"));
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
    if (!host.exists(text(kRoot, "/core")))
        return permanent_error(
            "the kernel's target is not there: modprobe target_core_file iscsi_target_mod, and ",
            "mount configfs on /sys/kernel/config");
    if (!request.chap_user.empty() && request.initiators.empty())
        return permanent_error("--chap-file: LIO keeps passwords with initiators; name them (--initiator)");
    std::string target = target_name(request);
    std::string group = text(kRoot, "/iscsi/", target, "/tpgt_1");
    std::string store = backstore_path(host);
    std::vector<Step> steps;
    // Taking it back leaves it where others have targets in it.
    if (!host.exists(text(kRoot, "/iscsi"))) steps.push_back(directory(text(kRoot, "/iscsi")));
    add_backstore(steps, store, request);
    steps.push_back(directory(text(kRoot, "/iscsi/", target)));
    steps.push_back(directory(group));
    steps.push_back(directory(group + "/lun/lun_0"));
    steps.push_back(link(group + "/lun/lun_0/" + request.image.id, store + "/" + request.image.id));
    add_access(steps, group, request);
    steps.push_back(directory(
        text(group, "/np/",
             request.address.find(':') == std::string::npos ? request.address : "[" + request.address + "]",
             ":", request.port == 0 ? 3260 : request.port)));
    steps.push_back(attribute(group + "/enable", "1"));
    return Plan{std::move(steps), definition_part(request, target)};
}

} // namespace mangrove::ctl
