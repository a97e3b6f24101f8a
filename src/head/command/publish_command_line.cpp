#include <algorithm>

#include "head/command/command_line.h"

namespace mangrove::head {

namespace {

/// Another transport would ignore them: `--clients` of NBD keeps nobody away.
constexpr std::pair<const char*, std::string_view> kTransportsOf[] = {
    {"--address", "iscsi, nbd, nfs, http, rbd"},
    {"--port", "iscsi, nbd, http"},
    {"--target", "iscsi"},
    {"--lun", "iscsi"},
    {"--initiator", "iscsi"},
    {"--chap-file", "iscsi"},
    {"--backing", "iscsi"},
    {"--backing-store", "iscsi"},
    {"--clients", "nfs"},
    {"--directory", "nbd, nfs, http"},
    {"--reload", "nbd, nfs"},
    {"--url", "http, s3"},
    {"--bucket", "s3"},
    {"--region", "s3"},
    {"--credentials", "s3"},
    {"--node-credentials", "s3, oci"},
    {"--public-read", "s3"},
    {"--repository", "oci"},
    {"--authfile", "oci"},
    {"--pool", "rbd"},
    {"--on-demand", "http"},
    {"--no-verity", "iscsi, nbd, nfs, rbd, http, s3, oci"},
};

Result<> check_options(const CommandLine& line) {
    const CLI::App* publish = line.app.get_subcommand("publish");
    std::vector<std::string> known = transport_names();
    if (std::ranges::find(known, line.publish.over) == known.end()) return {};
    for (const auto& [option, transports] : kTransportsOf) {
        bool is_its = transports.find(line.publish.over) != std::string_view::npos;
        if (!is_its && publish->get_option(option)->count() > 0)
            return permanent_error(option, " cannot be used with --over ", line.publish.over, " (only with ",
                                   transports, ")");
    }
    return {};
}

Outcome<> run_publish(CommandLine& line, Call& call) {
    TRY(check_options(line));
    line.publish.has_verity = !line.no_verity;
    line.publish.login = TRY(read_login(line));
    return publish(call, line.publish, line.reference, line.mode(), TRY(output_format_from(line.print)),
                   line.no_check ? Reach::is_trusted : Reach::is_checked,
                   line.sign ? std::optional(line.signing) : std::nullopt);
}

Outcome<> run_published(CommandLine& line, Call& call) {
    if (line.reference.empty()) return published(call, line.check ? Unserved::is_error : Unserved::is_shown);
    return show_published(call, line.reference, TRY(output_format_from(line.print)));
}

void add_iscsi_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "iSCSI";
    publish
        .add_option("--target", line.publish.target, "The target's IQN (default: made from the image's id)")
        ->group(group);
    publish.add_option("--lun", line.publish.lun, "The LUN (default: 1)")->group(group);
    add_login_options(line, publish);
    publish
        .add_option("--backing", line.publish.backing_type,
                    "tgt: another backing store than a file: sheepdog, rbd")
        ->group(group);
    publish
        .add_option("--backing-store", line.publish.backing_store,
                    "tgt: its name: unix:/sheep_store/sock:VDI")
        ->group(group);
    publish
        .add_flag("--on-demand", line.publish.is_on_demand,
                  "HTTP: nodes read the parts of the image that they use, and do not copy it whole")
        ->group(group);
}

void add_file_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "NBD, NFS, HTTP";
    make_absolute(*publish
                       .add_option("--directory", line.publish.directory,
                                   "Where the server reads its exports, or what the web server serves")
                       ->group(group));
    publish.add_option("--clients", line.publish.clients, "NFS: who may mount (default: *)")->group(group);
    publish
        .add_option("--reload", line.publish.reload,
                    "Command that has the server read its exports again (default: the service's reload, or "
                    "restart for nbd-server; exportfs -ra)")
        ->group(group);
    publish
        .add_option(
            "--url", line.publish.url,
            "HTTP: URL of --directory (default: http://ADDRESS); S3: the endpoint, without the bucket")
        ->group(group);
}

void add_s3_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "S3";
    publish.add_option("--bucket", line.publish.bucket, "The bucket that gets the image")->group(group);
    publish.add_option("--region", line.publish.region, "Its region")->capture_default_str()->group(group);
    make_absolute(*publish
                       .add_option("--credentials", line.publish.credentials,
                                   "A configuration of s3cmd with the keys of a user who may write to it")
                       ->group(group));
    make_absolute(
        *publish
             .add_option("--node-credentials", line.publish.node_credentials,
                         "The same with the keys that nodes get (default: none); OCI: their USER:PASSWORD")
             ->group(group));
    publish
        .add_option("--public-read", line.publish.public_read,
                    "Lets everyone read kernel, initramfs and boot.ipxe (boot), or also the image (all)")
        ->check(CLI::IsMember({"boot", "all"}))
        ->group(group);
}

void add_oci_options(CommandLine& line, CLI::App& publish) {
    const std::string group = "OCI";
    publish
        .add_option("--repository", line.publish.repository,
                    "REGISTRY[:PORT]/REPOSITORY that gets the image, kernel and initramfs as an artifact")
        ->group(group);
    make_absolute(
        *publish
             .add_option("--authfile", line.publish.authfile,
                         "Credentials of who pushes (containers-auth.json(5); default: skopeo login's)")
             ->group(group));
}

void add_publish(CommandLine& line) {
    CLI::App* publish =
        line.app.add_subcommand("publish", "Publishes an image and prints the definition of its nodes");
    publish->footer(
        "Each change is recorded before it is made. At the end the image is reached as nodes do: a login, a\n"
        "negotiation, a HEAD. A run that fails rolls its changes back; those of a run that was killed are\n"
        "rolled back by the next publish or unpublish.\n"
        "\n"
        "  mangrovectl publish debian --over iscsi --address 192.168.3.253 >definition.json\n"
        "  mangrovectl publish debian --over nfs --address 192.168.3.253 --clients 192.168.3.0/24");
    publish->add_option("image", line.reference, "Its id, the start of it, or its name: then the newest")
        ->required();
    publish->add_option("--over", line.publish.over, "The transport: " + known_transports())->required();
    publish->add_option("--server", line.publish.server, "Which server, where a transport has several");
    publish->add_option("--address", line.publish.address, "Address at which nodes reach the server");
    publish->add_option("--port", line.publish.port, "Port of the server, if it is not the usual one");
    publish->add_option("--command", line.publish.command, "Command that nodes start (default: /sbin/init)");
    publish->add_flag("--no-verity", line.no_verity,
                      "Leave 'verity' out of the definition: nodes do not verify what they read");
    CLI::Option* sign = publish->add_flag(
        "--sign", line.sign, "Have ssh-keygen or ssh-agent sign the definition, and print it in an envelope");
    add_signing_options(line, *publish, sign);
    publish->add_flag("--dry-run", line.dry_run, "Only show what would be done");
    publish->add_flag("--no-check", line.no_check,
                      "Do not check that the image can be reached at the address");
    publish->add_option("--print", line.print, "definition (default), argument, dnsmasq, kea or ipxe");
    add_iscsi_options(line, *publish);
    add_file_options(line, *publish);
    publish->add_option("--pool", line.publish.pool, "The pool that the image is imported into")
        ->capture_default_str()
        ->group("RBD");
    add_s3_options(line, *publish);
    add_oci_options(line, *publish);
    add_json(line, *publish, "Print the publication as JSON, with its definition");
    publish->callback([&line] { line.run([&](Call& call) { return run_publish(line, call); }); });
}

} // namespace

void add_publish_commands(CommandLine& line) {
    add_publish(line);
    CLI::App* taking_back = line.app.add_subcommand("unpublish", "Stops serving an image");
    taking_back->footer("An image that nodes use is not taken away: the error lists them.\n"
                        "\n"
                        "  mangrovectl unpublish debian.iscsi");
    taking_back
        ->add_option("publication", line.reference,
                     "Its id or NAME.TRANSPORT, or an image: then all of its publications")
        ->required();
    taking_back->add_flag("--dry-run", line.dry_run, "Only show what would be done");
    taking_back->add_flag("--force", line.force, "Also while nodes use it: they lose their root");
    add_json(line, *taking_back);
    taking_back->callback([&line] {
        line.run([&](Call& call) { return unpublish(call, line.reference, line.mode(), line.in_use()); });
    });
    CLI::App* published = line.app.add_subcommand(
        "published", "Lists what is published and whether it is served, or prints one");
    published->add_option("publication", line.reference, "Prints the definition of this one");
    published->add_option("--print", line.print, "definition (default), argument, dnsmasq, kea or ipxe");
    add_json(line, *published, "The list, or the one, as JSON");
    published->add_flag("--check", line.check, "Exit code 1 when something of the list is not served");
    published->callback([&line] { line.run([&](Call& call) { return run_published(line, call); }); });
}

} // namespace mangrove::head
