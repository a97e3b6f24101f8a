#include "head/publish/publish.h"

#include <algorithm>
#include <iterator>

#include "base/host_port.h"
#include "definition/parse.h"
#include "head/host/address.h"
#include "head/publish/output_format.h"

namespace mangrove::head {

namespace {

struct Transport {
    std::string_view over;
    std::string_view server;
    Result<Plan> (*plan)(Host& host, const PublishRequest& request);
};

/// The first of several for the same transport is its default.
constexpr Transport kTransports[] = {
    {"iscsi", "tgt", plan_tgt},   {"iscsi", "lio", plan_lio},       {"nbd", "nbd-server", plan_nbd_server},
    {"nfs", "knfsd", plan_knfsd}, {"nfs", "ganesha", plan_ganesha}, {"http", "directory", plan_directory},
    {"rbd", "ceph", plan_rbd},    {"s3", "bucket", plan_s3},        {"oci", "registry", plan_registry},
};

Result<const Transport*> find_transport(const PublishRequest& request) {
    std::vector<std::string> transports = transport_names();
    std::vector<std::string> servers;
    for (const Transport& transport : kTransports) {
        if (transport.over == request.over && (request.server.empty() || transport.server == request.server))
            return &transport;
        if (transport.over == request.over) servers.emplace_back(transport.server);
    }
    if (!servers.empty())
        return permanent_error("--server: nothing is published over ", request.over, " by '", request.server,
                               "'", did_you_mean(request.server, servers), "; there are ",
                               join(servers, ", "));
    return permanent_error("--over: unknown transport '", request.over, "'",
                           did_you_mean(request.over, transports), "; there are ", join(transports, ", "));
}

std::string without_brackets(const std::string& address) {
    bool has_brackets = address.starts_with('[') && address.ends_with(']');
    return has_brackets ? address.substr(1, address.size() - 2) : address;
}

/// Whether nodes reach it where another option says.
bool has_own_place(const PublishRequest& request) {
    return request.over == "s3" || request.over == "oci";
}

/// Without the brackets of an IPv6 address. Monitors of Ceph are a list, with ports or without.
Result<std::string> checked_address(const PublishRequest& request) {
    const std::string& address = request.address;
    if (has_own_place(request)) return address;
    if (address.empty())
        return permanent_error("--address is required: the address at which nodes reach this server");
    if (request.over == "rbd") {
        for (const std::string& monitor : split(address, ','))
            TRY(check_host("--address", split_host_port(monitor).value_or(HostPort{monitor, {}}).host));
        return address;
    }
    bool has_port = std::ranges::count(address, ':') == 1 || address.find("]:") != std::string::npos;
    if (has_port && address.find('/') == std::string::npos)
        return permanent_error("--address: '", address, "' has a port; give it with --port");
    std::string host = without_brackets(address);
    TRY(check_host("--address", host));
    return host;
}

/// An overlay with the image as its lowest layer, as every scheme has it.
Result<std::string> definition_of(const PublishRequest& request, Json mount) {
    Json definition = make_json_object();
    add_text(definition.get(), "name", request.image.id);
    if (!request.command.empty()) add_text(definition.get(), "command", request.command);
    cJSON* root = add_object(definition.get(), "mount");
    add_text(root, "kind", "overlay");
    cJSON* layers = cJSON_AddArrayToObject(add_object(root, "overlay"), "lower");
    cJSON_AddItemToArray(layers, mount.release());
    std::string written = indented_json(definition.get());
    definition::ParsedDefinition parsed = definition::parse_and_check(written);
    if (!parsed.problems.empty())
        return permanent_error("invalid definition: ", parsed.problems[0].to_text());
    return written;
}

/// Warns of the locks that an initiator may take (SPC-2, RESERVE(6); SPC-3, persistent reservations).
constexpr std::string_view kReservations =
    "tgtd lets every initiator that may log in reserve the disk, which locks all others out of the image; "
    "--server lio serves it without reservations, --chap-file keeps strangers away";

} // namespace

std::vector<std::string> publish_warnings(Host& host, const PublishRequest& request,
                                          std::string_view server) {
    std::vector<std::string> warnings;
    if (request.over != "rbd" && !has_own_place(request)) {
        std::string address = without_brackets(request.address);
        warnings.push_back(host_warning(host, "--address", address));
    }
    if (server == "tgt" && request.login.user.empty()) warnings.emplace_back(kReservations);
    if (request.over == "nfs" && request.clients == "*")
        warnings.push_back("--clients: every machine that reaches this server can read the image; name the "
                           "nodes' network: --clients 192.0.2.0/24");
    if (request.over == "nfs" && host.share_file_system(request.image.directory, "/"))
        warnings.push_back(text(request.image.directory.native(),
                                " is on the root file system, which an NFS client that guesses file handles "
                                "may read from; keep the image store (--store) on a separate file system"));
    std::erase(warnings, "");
    return warnings;
}

Json attach_mount(const Image& image, const char* kind, Json attachment) {
    Json mount = make_json_object();
    add_text(mount.get(), "kind", "attach");
    cJSON* attach = add_object(mount.get(), "attach");
    add_text(attach, "fs_type", image.format);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(attach, "mount_options"), cJSON_CreateString("ro"));
    if (!image.root_hash.empty()) {
        cJSON* verity = add_object(attach, "verity");
        add_text(verity, "root_hash", image.root_hash);
        cJSON_AddNumberToObject(verity, "hash_offset", static_cast<double>(image.hash_offset));
    }
    cJSON* inner = add_object(attach, "attach");
    add_text(inner, "kind", kind);
    cJSON_AddItemToObject(inner, kind, attachment.release());
    return mount;
}

Result<Record> plan_publication(Host& host, const PublishRequest& asked) {
    const Transport* transport = TRY(find_transport(asked));
    PublishRequest request = asked;
    request.address = TRY(checked_address(asked));
    if (!request.has_verity) request.image.root_hash.clear();
    Plan plan =
        TRY(transport->plan(host, request), "planning to publish ", request.image.id, " over ", request.over);
    std::string definition = TRY(definition_of(request, std::move(plan.mount)));
    if (!plan.script_path.empty())
        plan.steps.push_back({.kind = Step::Kind::file,
                              .path = plan.script_path,
                              .contents = TRY(render(definition, request.image, OutputFormat::ipxe))});
    std::ranges::move(plan.after_script, std::back_inserter(plan.steps));
    return Record{.id = text(request.image.id, ".", request.over),
                  .image = request.image.id,
                  .over = request.over,
                  .server = std::string(transport->server),
                  .definition = std::move(definition),
                  .steps = std::move(plan.steps)};
}

std::vector<std::string> transport_names() {
    std::vector<std::string> names;
    for (const Transport& transport : kTransports)
        if (names.empty() || names.back() != transport.over) names.emplace_back(transport.over);
    return names;
}

std::vector<std::string> server_names() {
    std::vector<std::string> names;
    for (const Transport& transport : kTransports)
        names.emplace_back(transport.server);
    return names;
}

std::string known_transports() {
    std::vector<std::string> names;
    for (const Transport& transport : kTransports)
        names.push_back(text(transport.over, " (", transport.server, ")"));
    return join(names, ", ");
}

} // namespace mangrove::head
