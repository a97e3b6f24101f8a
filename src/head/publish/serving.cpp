#include "head/publish/serving.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/host_port.h"
#include "definition/parse.h"
#include "head/publish/lio.h"
#include "head/publish/reach.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

namespace {

constexpr std::chrono::seconds kTimeout{5};

using Users = std::vector<User>;

/// The lowest layer of a definition, where the image is.
const definition::Mount* image_mount(const definition::Definition& parsed) {
    const auto* overlay = std::get_if<definition::MountOverlay>(&parsed.mount.kind);
    return overlay && !overlay->lower.empty() ? &overlay->lower[0] : nullptr;
}

/// Returns the attachment of a publication's definition; nothing if it is of another kind.
template <typename Kind>
std::optional<Kind> attached(const Record& record) {
    definition::ParsedDefinition parsed = definition::parse_and_check(record.definition);
    const definition::Mount* mount = image_mount(parsed.definition);
    const auto* attach = mount ? std::get_if<definition::MountAttach>(&mount->kind) : nullptr;
    const auto* kind = attach ? std::get_if<Kind>(&attach->attachment.kind) : nullptr;
    return kind ? std::optional(*kind) : std::nullopt;
}

std::unexpected<Error> damaged(const Record& record) {
    return permanent_error("the record of ", record.id, " is damaged");
}

/// Of a publication, or of a target; empty for a LUN, whose target it is that is logged in to.
std::string iqn_of(const Record& record) {
    if (std::optional<definition::Iscsi> iscsi = attached<definition::Iscsi>(record)) return iscsi->target;
    if (record.id != record.image) return {};
    Result<Json> target = parse_json(record.definition, "the record of " + record.id);
    return target ? text_at(target->get(), "iqn") : "";
}

std::string word_after(std::string_view line, std::string_view before) {
    size_t at = line.find(before);
    if (at == std::string_view::npos) return {};
    std::string_view rest = line.substr(at + before.size());
    return std::string(rest.substr(0, rest.find_first_of(" \t")));
}

Result<Users> users_of_tgt(Host& host, const Record& record) {
    return sessions_of_tgt_target(host, iqn_of(record));
}

Result<Users> users_of_lio(Host& host, const Record& record) {
    Users users;
    std::string group = lio_group(iqn_of(record));
    // Each name ends with a newline and a NUL.
    Result<std::string> open_to_all = host.read(group + "/dynamic_sessions");
    std::string names = open_to_all.value_or("");
    std::erase(names, '\0');
    for (std::string& name : split(names, '\n'))
        if (!name.empty()) users.push_back({std::move(name), ""});
    for (const std::string& initiator : host.list(group + "/acls")) {
        Result<std::string> info = host.read(text(group, "/acls/", initiator, "/info"));
        if (info && info->find("InitiatorName:") != std::string::npos)
            users.push_back({initiator, word_after(*info, "Address ")});
    }
    return users;
}

/// nbd-server has a process for each client, which has the file of the export open.
Result<Users> users_of_nbd_server(Host& host, const Record& record) {
    std::optional<definition::Nbd> nbd = attached<definition::Nbd>(record);
    if (!nbd) return damaged(record);
    std::string shown =
        TRY(host.run({"ss", "-Htnp", "state", "established", text("( sport = :", nbd->port, " )")}),
            "asking which nodes are connected");
    Users users;
    for (const std::string& line : split(shown, '\n')) {
        std::vector<std::string> words = split(line, ' ');
        std::erase(words, "");
        size_t pid = line.find("pid=");
        if (words.size() < 4 || pid == std::string::npos) continue;
        std::string number = line.substr(pid + 4, line.find_first_not_of("0123456789", pid + 4) - pid - 4);
        bool is_its = std::ranges::any_of(host.open_files(number), [&](const std::string& file) {
            return file.substr(file.rfind('/') + 1).starts_with(record.image + ".");
        });
        if (is_its) users.push_back({"", without_port(words[3])});
    }
    return users;
}

/// Clients of NFSv4 that have a file of the image open (Documentation/filesystems/nfs: /proc/fs/nfsd).
Result<Users> users_of_knfsd(Host& host, const Record& record) {
    const std::string clients = "/proc/fs/nfsd/clients";
    Users users;
    for (const std::string& client : host.list(clients)) {
        Result<std::string> states = host.read(text(clients, "/", client, "/states"));
        if (!states || states->find(text(record.image, ".")) == std::string::npos) continue;
        std::string info = host.read(text(clients, "/", client, "/info")).value_or("");
        std::string address = word_after(info.substr(0, info.find('\n', info.find("address:"))), "address: ");
        std::erase(address, '"');
        users.push_back({"", without_port(address)});
    }
    return users;
}

std::string cephx_user(const definition::Rbd& rbd) {
    return "client." + rbd.user;
}

/// The kernel of a node that only reads registers no watcher, but each image has a CephX user, whose sessions
/// the monitors know.
Result<Users> users_of_ceph(Host& host, const Record& record) {
    std::optional<definition::Rbd> rbd = attached<definition::Rbd>(record);
    if (!rbd) return damaged(record);
    Json monitors = TRY(parse_json(TRY(host.run({"ceph", "mon", "dump", "--format", "json"}),
                                       "asking the monitors which nodes use the image"),
                                   "ceph mon dump"));
    Users users;
    const cJSON* monitor = nullptr;
    cJSON_ArrayForEach(monitor, cJSON_GetObjectItemCaseSensitive(monitors.get(), "mons")) {
        Json sessions = TRY(parse_json(TRY(host.run({"ceph", "tell", "mon." + text_at(monitor, "name"),
                                                     "sessions", "--format", "json"})),
                                       "ceph tell"));
        const cJSON* session = nullptr;
        cJSON_ArrayForEach(session, sessions.get()) {
            if (text_at(session, "entity_name") != cephx_user(*rbd)) continue;
            std::string address = text_at(cJSON_GetObjectItemCaseSensitive(session, "socket_addr"), "addr");
            users.push_back({"", without_port(address)});
        }
    }
    return users;
}

Result<Users> no_users(Host&, const Record&) {
    return Users{};
}

Result<> end_users_of_tgt(Host& host, const Record& record) {
    return end_tgt_sessions(host, iqn_of(record), record.steps);
}

Result<> end_nothing(Host&, const Record&) {
    return {};
}

/// Where several may log in, the definition has none of them.
std::string initiator_of(const Record& record) {
    for (const Step& step : record.steps) {
        auto option = std::ranges::find(step.words, "--initiator-name");
        if (option != step.words.end() && std::next(option) != step.words.end()) return *std::next(option);
        size_t acls = step.path.find("/acls/");
        if (acls != std::string::npos) return split(step.path.substr(acls + 6), '/')[0];
    }
    return "iqn.2026-11.org.mangrove:mangrovectl";
}

Result<> reach_target(Host&, const Record& record, uint64_t) {
    if (std::optional<definition::Iscsi> iscsi = attached<definition::Iscsi>(record))
        return reach_iscsi(*iscsi, initiator_of(record), kTimeout);
    return damaged(record);
}

Result<> reach_export(Host&, const Record& record, uint64_t size) {
    if (std::optional<definition::Nbd> nbd = attached<definition::Nbd>(record))
        return reach_nbd(*nbd, size, kTimeout);
    return damaged(record);
}

Result<> reach_image_on_nfs(Host&, const Record& record, uint64_t) {
    std::optional<definition::Loopback> loopback = attached<definition::Loopback>(record);
    const auto* nfs =
        loopback && loopback->mount ? std::get_if<definition::MountNfs>(&loopback->mount->kind) : nullptr;
    if (!nfs) return damaged(record);
    bool is_for_all = std::ranges::any_of(record.steps, [](const Step& step) {
        return step.contents.find(" *(") != std::string::npos
               || step.contents.find("Clients = *;") != std::string::npos;
    });
    return reach_nfs(nfs->host, nfs->path + loopback->path,
                     is_for_all ? Refusal::is_error : Refusal::is_ignored, kTimeout);
}

Result<> reach_image_on_web(Host&, const Record& record, uint64_t size) {
    if (std::optional<definition::Http> http = attached<definition::Http>(record))
        return reach_parts_of_url(*http, size, kTimeout);
    definition::ParsedDefinition parsed = definition::parse_and_check(record.definition);
    const definition::Mount* mount = image_mount(parsed.definition);
    const auto* uri = mount ? std::get_if<definition::MountUri>(&mount->kind) : nullptr;
    return uri ? reach_url(uri->uri, size, kTimeout) : damaged(record);
}

/// As the node's user, so that its capabilities are tried, too.
Result<> reach_image_on_ceph(Host& host, const Record& record, uint64_t) {
    std::optional<definition::Rbd> rbd = attached<definition::Rbd>(record);
    auto keyring =
        std::ranges::find_if(record.steps, [](const Step& step) { return step.path.ends_with(".keyring"); });
    if (!rbd || keyring == record.steps.end()) return damaged(record);
    std::vector<std::string> monitors;
    for (const definition::Monitor& monitor : rbd->monitors)
        monitors.push_back(monitor.port ? text(monitor.host, ":", *monitor.port) : monitor.host);
    std::string place = rbd->pool_namespace.empty() ? rbd->pool : rbd->pool + "/" + rbd->pool_namespace;
    TRY(host.run({"rbd", "--mon-host", join(monitors, ","), "--id", rbd->user, "--keyring", keyring->path,
                  "--client-mount-timeout", text(kTimeout.count()), "info",
                  text(place, "/", rbd->image, "@", rbd->snapshot)}),
        "reading the image as nodes do");
    return {};
}

/// As who has pushed it; its blobs and the nodes' password are not tried.
Result<> reach_artifact(Host& host, const Record& record, uint64_t) {
    std::vector<std::string> words = {"skopeo", "inspect", "--raw"};
    for (const Step& step : record.steps) {
        auto deletion = std::ranges::find(step.undo_words, "delete");
        if (deletion == step.undo_words.end()) continue;
        words.insert(words.end(), std::next(deletion), step.undo_words.end());
        TRY(host.run(words), "asking the registry for the manifest");
        return {};
    }
    return damaged(record);
}

struct Server {
    std::string_view name;
    Result<Users> (*users)(Host& host, const Record& record);
    Result<> (*end_users)(Host& host, const Record& record);
    Result<> (*reach)(Host& host, const Record& record, uint64_t size);
    std::string_view when_away;  ///< what to do when nothing listens
    std::string_view when_other; ///< what to do when it listens, but does not serve it; may be empty
};

constexpr std::string_view kRestore = "mangrovectl restore";

constexpr Server kServers[] = {
    {"tgt", users_of_tgt, end_users_of_tgt, reach_target, "tgtd is not running; run systemctl start tgt",
     kRestore},
    {"lio", users_of_lio, end_nothing, reach_target, kRestore, kRestore},
    {"nbd-server", users_of_nbd_server, end_nothing, reach_export,
     "nbd-server is not running; run systemctl restart nbd-server", "systemctl restart nbd-server"},
    {"knfsd", users_of_knfsd, end_nothing, reach_image_on_nfs,
     "the kernel's NFS server is not running; run systemctl start nfs-server", "exportfs -ra"},
    {"ganesha", no_users, end_nothing, reach_image_on_nfs,
     "NFS-Ganesha is not running; run systemctl start nfs-ganesha", "systemctl restart nfs-ganesha"},
    {"directory", no_users, end_nothing, reach_image_on_web,
     "no web server listens there; set --port or --url",
     "have the web server serve the directory, or name it with --url"},
    {"ceph", users_of_ceph, end_nothing, reach_image_on_ceph, "", ""},
    {"registry", no_users, end_nothing, reach_artifact, "", ""},
    {"bucket", no_users, end_nothing, reach_image_on_web, "nothing listens there; correct --url",
     "nodes need --node-credentials, or a bucket that everyone may read (--public-read all, or a policy)"},
};

const Server* server_of(const Record& record) {
    const auto* found = std::ranges::find(kServers, record.server, &Server::name);
    bool is_lun = record.id.starts_with(record.image + ":");
    return found == std::end(kServers) || is_lun ? nullptr : found;
}

} // namespace

std::string to_text(const std::vector<User>& users) {
    std::vector<std::string> shown;
    for (const User& user : users) {
        bool has_both = !user.name.empty() && !user.address.empty();
        shown.push_back(has_both ? text(user.name, " (", user.address, ")") : user.name + user.address);
    }
    return text(users.size(), users.size() == 1 ? " node uses it: " : " nodes use it: ", join(shown, ", "));
}

Result<Users> users_of(Host& host, const Record& record) {
    const Server* server = server_of(record);
    return server ? server->users(host, record) : Users{};
}

Result<> end_users(Host& host, const Record& record) {
    const Server* server = server_of(record);
    return server ? server->end_users(host, record) : Result<>();
}

Result<> check_served(Host& host, const Record& record, uint64_t size) {
    const Server* server = server_of(record);
    if (!server) return {};
    Result<> reached = server->reach(host, record, size);
    if (reached) return {};
    Error error = std::move(reached).error();
    std::string_view remedy = error.code == ECONNREFUSED ? server->when_away : server->when_other;
    if (!remedy.empty()) error.what += text("; ", remedy);
    return std::unexpected(std::move(error));
}

} // namespace mangrove::head
