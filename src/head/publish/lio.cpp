#include "head/publish/lio.h"

#include <algorithm>

#include "base/host_port.h"

namespace mangrove::head {

namespace {

std::string fabric() {
    return text(kLioRoot, "/iscsi");
}

void replace_all(std::string& whole, const std::string& before, const std::string& after) {
    for (size_t at = 0; (at = whole.find(before, at)) != std::string::npos; at += after.size())
        whole.replace(at, before.size(), after);
}

} // namespace

Result<> check_lio(Host& host) {
    if (host.exists(text(kLioRoot, "/core"))) return {};
    return permanent_error(
        "the kernel's target is not there: modprobe -a target_core_file iscsi_target_mod, and ",
        "mount configfs on /sys/kernel/config");
}

Step lio_directory(std::string path) {
    return {.kind = Step::Kind::directory, .path = std::move(path)};
}

Step lio_attribute(std::string path, std::string contents) {
    return {.kind = Step::Kind::attribute, .path = std::move(path), .contents = std::move(contents)};
}

Step lio_link(std::string path, std::string target) {
    return {.kind = Step::Kind::link, .path = std::move(path), .contents = std::move(target)};
}

std::string free_lio_adapter(Host& host, std::string_view kind) {
    int number = 0;
    while (host.exists(text(kLioRoot, "/core/", kind, "_", number)))
        ++number;
    return text(kLioRoot, "/core/", kind, "_", number);
}

Result<> add_lio_backstore(std::vector<Step>& steps, const std::string& adapter, const std::string& name,
                           const LioBacking& backing, Reservations reservations) {
    // The kernel takes a list with commas, without quoting, and longer names only in part.
    constexpr size_t kLongestPath = 255;
    if (backing.path.size() > kLongestPath || backing.path.find_first_of(",\n") != std::string::npos)
        return permanent_error("LIO takes no path with a comma or a newline, or of more than ", kLongestPath,
                               " bytes: '", backing.path, "'");
    std::string control = backing.size == 0
                              ? "udev_path=" + backing.path
                              : text("fd_dev_name=", backing.path, ",fd_dev_size=", backing.size);
    std::string store = adapter + "/" + name;
    steps.push_back(lio_directory(adapter));
    steps.push_back(lio_directory(store));
    steps.push_back(lio_attribute(store + "/control", control));
    steps.push_back(lio_attribute(store + "/enable", "1"));
    if (reservations == Reservations::are_refused)
        steps.push_back(lio_attribute(store + "/attrib/emulate_pr", "0"));
    return {};
}

void add_lio_fabric(Host& host, std::vector<Step>& steps) {
    // Taking it back leaves it where others have targets in it.
    if (!host.exists(fabric())) steps.push_back(lio_directory(fabric()));
}

std::string lio_group(const std::string& target) {
    return text(fabric(), "/", target, "/tpgt_1");
}

Step lio_portal(const std::string& group, const std::string& address, uint16_t port) {
    return lio_directory(text(group, "/np/", bracketed(address), ":", port == 0 ? 3260 : port));
}

Result<> renew_lio(Host& host, std::vector<Step>& steps) {
    if (!host.exists(text(kLioRoot, "/core")))
        TRY(host.run({"modprobe", "-a", "target_core_file", "target_core_iblock", "iscsi_target_mod"}));
    TRY(check_lio(host));
    std::erase_if(steps, [](const Step& step) { return step.path == fabric(); });
    std::vector<Step> renewed;
    add_lio_fabric(host, renewed);
    renewed.insert(renewed.end(), steps.begin(), steps.end());
    steps = std::move(renewed);
    const std::string core = text(kLioRoot, "/core/");
    auto adapter = std::ranges::find_if(steps, [&](const Step& step) {
        return step.kind == Step::Kind::directory && step.path.starts_with(core);
    });
    if (adapter == steps.end()) return {};
    const std::string before = adapter->path;
    std::string kind = before.substr(core.size(), before.rfind('_') - core.size());
    std::string now = free_lio_adapter(host, kind);
    for (Step& step : steps) {
        replace_all(step.path, before + "/", now + "/");
        if (step.path == before) step.path = now;
        replace_all(step.contents, before + "/", now + "/");
    }
    return {};
}

} // namespace mangrove::head
