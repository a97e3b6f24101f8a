/// Who may log in to a target: tgtd has accounts of its own, which targets are bound to; LIO has a list of
/// initiators in each target, with a password and a view of the LUNs for each.

#include "ctl/login.h"

#include <algorithm>

#include "ctl/files.h"
#include "ctl/lio.h"
#include "ctl/tgt.h"

namespace mangrove::ctl {

namespace {

Result<> check_initiators(const Login& login) {
    for (const std::string& initiator : login.initiators)
        TRY(check_iscsi_name("--initiator", initiator));
    return {};
}

} // namespace

Result<> check_iscsi_name(const char* option, std::string_view name) {
    if (!name.starts_with("iqn.") && !name.starts_with("eui.") && !name.starts_with("naa."))
        return permanent_error(option, ": '", name, "' begins with none of iqn., eui., naa.");
    // It becomes the name of a directory.
    if (name.size() > 223 || name.find_first_of("/ \t\n") != std::string_view::npos)
        return permanent_error(option, ": '", name, "' has a blank or a slash, or more than 223 characters");
    return {};
}

std::string target_name_for(std::string_view name) {
    std::string made = lower_case(name);
    std::ranges::replace(made, '_', '-');
    return "iqn.2026-11.org.mangrove:" + made;
}

Result<> read_chap(const std::filesystem::path& file, Login& login) {
    if (file.empty()) return {};
    std::string written(trim(TRY(read_file(file), "reading --chap-file")));
    size_t colon = written.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == written.size())
        return permanent_error("--chap-file: ", file.native(), " does not hold USER:PASSWORD");
    login.user = written.substr(0, colon);
    login.password = written.substr(colon + 1);
    return {};
}

Result<> add_tgt_login(std::vector<Step>& steps, const std::string& number, const Login& login) {
    TRY(check_initiators(login));
    if (!login.user.empty()) {
        steps.push_back(
            {.words = tgtadm("account", "new", {"--user", login.user, "--password", login.password}),
             .undo_words = tgtadm("account", "delete", {"--user", login.user}),
             .probe = tgtadm("account", "show"),
             .probe_line = login.user,
             .secret = login.password});
        steps.push_back(tgt_command(tgtadm("account", "bind", {"--tid", number, "--user", login.user})));
    }
    auto bind = [&](const char* option, const std::string& who) {
        steps.push_back(tgt_command(tgtadm("target", "bind", {"--tid", number, option, who})));
    };
    if (login.initiators.empty()) bind("--initiator-address", "ALL");
    for (const std::string& initiator : login.initiators)
        bind("--initiator-name", initiator);
    return {};
}

Result<> add_lio_login(std::vector<Step>& steps, const std::string& group, const Login& login,
                       Access access) {
    TRY(check_initiators(login));
    if (!login.user.empty() && login.initiators.empty())
        return permanent_error("--chap-file: LIO keeps passwords with initiators; name them (--initiator)");
    steps.push_back(lio_attribute(group + "/attrib/authentication", login.user.empty() ? "0" : "1"));
    steps.push_back(
        lio_attribute(group + "/attrib/generate_node_acls", login.initiators.empty() ? "1" : "0"));
    steps.push_back(
        lio_attribute(group + "/attrib/demo_mode_write_protect", access == Access::read_only ? "1" : "0"));
    for (const std::string& initiator : login.initiators) {
        std::string place = text(group, "/acls/", initiator);
        steps.push_back(lio_directory(place));
        if (login.user.empty()) continue;
        steps.push_back(lio_attribute(place + "/auth/userid", login.user));
        steps.push_back(lio_attribute(place + "/auth/password", login.password));
        steps.back().secret = login.password;
    }
    return {};
}

void add_lio_mapped_lun(std::vector<Step>& steps, const std::string& group, const Login& login,
                        uint64_t number, const std::string& name, Access access) {
    for (const std::string& initiator : login.initiators) {
        std::string place = text(group, "/acls/", initiator, "/lun_", number);
        steps.push_back(lio_directory(place));
        steps.push_back(lio_link(place + "/" + name, text(group, "/lun/lun_", number)));
        steps.push_back(lio_attribute(place + "/write_protect", access == Access::read_only ? "1" : "0"));
    }
}

} // namespace mangrove::ctl
