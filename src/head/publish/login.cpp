/// Restricts logins to a target: tgtd has accounts, which targets are bound to; LIO has a list of initiators
/// in each target, with a password and a view of the LUNs for each.

#include "head/publish/login.h"

#include <algorithm>
#include <cctype>

#include "head/host/files.h"
#include "head/publish/lio.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

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
    // It becomes the name of a directory, and a word in lists with commas. Letters beyond ASCII are allowed.
    constexpr std::string_view kPunctuation = ".:-_";
    bool is_plain = std::ranges::all_of(name, [&](unsigned char letter) {
        return letter >= 0x80 || std::isalnum(letter)
               || kPunctuation.find(static_cast<char>(letter)) != kPunctuation.npos;
    });
    if (name.size() > 223 || !is_plain)
        return permanent_error(option, ": '", name,
                               "' has more than 223 characters, or some that iSCSI names ",
                               "do not have (they have letters, digits, '.', ':' and '-')");
    return {};
}

std::string target_name_for(std::string_view name) {
    std::string made = lower_case(name);
    std::ranges::replace(made, '_', '-');
    return "iqn.2026-11.org.mangrove:" + made;
}

Result<> take_open_word(Login& login) {
    constexpr std::string_view kAll = "all";
    auto found = std::ranges::find(login.initiators, kAll);
    if (found == login.initiators.end()) return {};
    if (login.initiators.size() > 1)
        return permanent_error("--initiator: 'all' and names exclude each other");
    login.initiators.clear();
    login.is_open = true;
    return {};
}

Result<> read_chap(const std::filesystem::path& file, Login& login) {
    if (file.empty()) return {};
    std::string written(trim(TRY(read_file(file), "reading --chap-file")));
    size_t colon = written.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == written.size())
        return permanent_error("--chap-file: ", file.native(), " does not hold USER:PASSWORD");
    if (std::ranges::any_of(written, [](unsigned char letter) { return std::iscntrl(letter); }))
        return permanent_error("--chap-file: ", file.native(), " holds more than one line USER:PASSWORD");
    login.user = written.substr(0, colon);
    login.password = written.substr(colon + 1);
    return {};
}

Result<> add_tgt_login(std::vector<Step>& steps, const std::string& number, const std::string& name,
                       const Login& login) {
    TRY(check_initiators(login));
    if (!login.user.empty()) {
        steps.push_back(
            {.words = tgtadm("account", "new", {"--user", login.user, "--password", login.password}),
             .undo_words = tgtadm("account", "delete", {"--user", login.user}),
             .probe = tgtadm("account", "show"),
             .probe_line = login.user,
             .secret = login.password});
        steps.push_back({.words = tgtadm("account", "bind", {"--tid", number, "--user", login.user}),
                         .probe = tgtadm("target", "show"),
                         .probe_line = text(target_line(name), "\nAccount information:\n", login.user),
                         .scope = Step::Scope::of_an_earlier_step});
    }
    if (login.initiators.empty()) steps.push_back(tgt_bind_step(number, name, "--initiator-address", "ALL"));
    for (const std::string& initiator : login.initiators)
        steps.push_back(tgt_bind_step(number, name, "--initiator-name", initiator));
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

} // namespace mangrove::head
