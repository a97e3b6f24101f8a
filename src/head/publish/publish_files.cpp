/// NBD, NFS and HTTP: servers that are told what to serve by a file, or a place, in a directory of theirs.

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/host_port.h"
#include "head/image/boot_ranges.h"
#include "head/publish/publish.h"

namespace mangrove::head {

namespace {

/// The file, and the server told of it: after it was written, and after it was removed.
std::vector<Step> configuration(Host& host, const std::string& directory, const std::string& name,
                                const std::string& contents, std::vector<std::string> reload) {
    std::vector<Step> steps;
    if (!reload.empty()) steps.push_back({.undo_words = reload});
    if (!host.exists(directory)) steps.push_back({.kind = Step::Kind::directory, .path = directory});
    steps.push_back({.kind = Step::Kind::file, .path = text(directory, "/", name), .contents = contents});
    if (!reload.empty()) steps.push_back({.words = std::move(reload)});
    return steps;
}

std::vector<std::string> reload_words(const PublishRequest& request, std::vector<std::string> standard) {
    if (!request.reload) return standard;
    if (request.reload->empty()) return {};
    return {"sh", "-c", *request.reload};
}

std::string directory_of(const PublishRequest& request, const char* standard) {
    return request.directory.empty() ? standard : request.directory;
}

/// The image's file on an NFS export, as a loop device.
Json nfs_mount(const PublishRequest& request, const std::string& path) {
    Json loopback = make_json_object();
    add_text(loopback.get(), "path", text("/", request.image.id, ".", request.image.format));
    add_text(loopback.get(), "base", "mount");
    cJSON* mount = add_object(loopback.get(), "mount");
    add_text(mount, "kind", "nfs");
    cJSON* nfs = add_object(mount, "nfs");
    add_text(nfs, "host", request.address);
    add_text(nfs, "path", path);
    cJSON_AddBoolToObject(nfs, "ro", true);
    return attach_mount(request.image, "loopback", std::move(loopback));
}

/// A copy of the image's file in the node's memory.
Json uri_mount(const Image& image, const std::string& url) {
    Json mount = make_json_object();
    add_text(mount.get(), "kind", "uri");
    cJSON* uri = add_object(mount.get(), "uri");
    add_text(uri, "uri", url);
    add_text(uri, "digest", image.digest);
    return mount;
}

/// As exports(5) takes a path with letters of meaning: a backslash and three octal digits for each.
std::string export_path(std::string_view path) {
    std::string written;
    for (char letter : path) {
        if (std::string_view(" \t\n\"\\#").find(letter) == std::string_view::npos) {
            written += letter;
            continue;
        }
        written += '\\';
        for (int shift : {6, 3, 0})
            written += static_cast<char>('0' + (letter >> shift & 7));
    }
    return written;
}

/// As nbd-server takes a value: it reads a key file of GLib, and takes "%s" in an export's name for the
/// client's address.
Result<std::string> key_file_value(std::string_view value) {
    if (value.find('%') != std::string_view::npos)
        return permanent_error("nbd-server takes no path with a '%': '", value, "'");
    std::string written;
    for (char letter : value) {
        constexpr std::pair<char, std::string_view> kEscapes[] = {
            {'\\', "\\\\"}, {'\n', "\\n"}, {'\t', "\\t"}, {'\r', "\\r"}};
        const auto* escape = std::ranges::find(kEscapes, letter, &std::pair<char, std::string_view>::first);
        if (escape != std::end(kEscapes))
            written += escape->second;
        else if (letter == ' ')
            written += "\\s";
        else
            written += letter;
    }
    return written;
}

/// As NFS-Ganesha takes a string. What its versions disagree about is refused.
Result<std::string> ganesha_string(std::string_view value) {
    bool is_plain = std::ranges::none_of(
        value, [](unsigned char letter) { return std::iscntrl(letter) || letter == '"' || letter == '\\'; });
    if (!is_plain)
        return permanent_error(
            "NFS-Ganesha takes no path with a quote, a backslash or a control character: '", value, "'");
    return text("\"", value, "\"");
}

/// Numbers that stay the same when another export goes: ganesha wants one for each.
uint64_t export_number(const Image& image) {
    return parse_number(image.digest.substr(7, 4), 16).value_or(0) % 65000 + 500;
}

/// As `prefetch` takes them.
std::string range_list(const std::vector<ReadRange>& ranges) {
    std::vector<std::string> list;
    for (const ReadRange& range : ranges)
        list.push_back(text(range.offset, "-", range.offset + range.size - 1));
    return join(list, ",");
}

} // namespace

Result<Json> http_mount(const Image& image, const std::vector<std::string>& urls, Json http) {
    add_texts(http.get(), "urls", urls);
    if (!image.profile_digest.empty()) {
        BootProfile profile = TRY(read_profile(image.profile()));
        add_text(http.get(), "prefetch", range_list(TRY(boot_ranges(image.file(), profile))));
    }
    return attach_mount(image, "http", std::move(http));
}

/// A reload (SIGHUP) is a fault of memory in nbd-server 3.24 (Debian 12): after one or two, it dies, forgets
/// exports, or each process that it starts for a connection dies. It does not run without any export.
/// service(8) asks Debian's script of init, which can fail without systemd's knowing it.
Result<Plan> plan_nbd_server(Host& host, const PublishRequest& request) {
    std::string contents =
        text("# Written by mangrovectl.\n[", request.image.id,
             "]\nexportname = ", TRY(key_file_value(request.image.file().native())), "\nreadonly = true\n");
    std::vector<Step> steps =
        configuration(host, directory_of(request, "/etc/nbd-server/conf.d"), request.image.id + ".conf",
                      contents, reload_words(request, {"service", "nbd-server", "restart"}));
    if (!request.reload)
        steps.front().undo_words = {"sh", "-c",
                                    "service nbd-server restart || ! pidof nbd-server >/dev/null"};
    Json nbd = make_json_object();
    add_text(nbd.get(), "host", request.address);
    if (request.port != 0) cJSON_AddNumberToObject(nbd.get(), "port", request.port);
    add_text(nbd.get(), "export", request.image.id);
    return Plan{std::move(steps), attach_mount(request.image, "nbd", std::move(nbd))};
}

/// An empty one would be everyone, and one behind a blank a client without the options.
static Result<> check_clients(const std::string& clients) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/*?@[]_-";
    for (const std::string& client : split(clients, ','))
        if (client.empty() || client.starts_with('-')
            || client.find_first_not_of(kLetters) != std::string::npos)
            return permanent_error("--clients: '", clients,
                                   "' is not a list of addresses, networks, names or @netgroups with commas");
    return {};
}

/// The image's directory in the store is what is exported: nothing is copied.
Result<Plan> plan_knfsd(Host& host, const PublishRequest& request) {
    TRY(check_clients(request.clients));
    std::string contents = "# Written by mangrovectl.\n";
    for (const std::string& client : split(request.clients, ','))
        contents += text(export_path(request.image.directory.native()), " ", client,
                         "(ro,all_squash,subtree_check)\n");
    std::vector<Step> steps =
        configuration(host, directory_of(request, "/etc/exports.d"), request.image.id + ".exports", contents,
                      reload_words(request, {"exportfs", "-ra"}));
    return Plan{std::move(steps), nfs_mount(request, request.image.directory)};
}

Result<Plan> plan_ganesha(Host& host, const PublishRequest& request) {
    TRY(check_clients(request.clients));
    std::string pseudo = "/" + request.image.id;
    std::string contents = text(
        "# Written by mangrovectl.\nEXPORT {\n    Export_Id = ", export_number(request.image),
        ";\n    Path = ", TRY(ganesha_string(request.image.directory.native())), ";\n    Pseudo = ", pseudo,
        ";\n    Protocols = 4;\n    SecType = sys;\n    FSAL { Name = VFS; }\n"
        "    CLIENT { Clients = ",
        request.clients, "; Access_Type = RO; Squash = All_Squash; }\n}\n");
    std::vector<Step> steps =
        configuration(host, directory_of(request, "/etc/ganesha/exports.d"), request.image.id + ".conf",
                      contents, reload_words(request, {"systemctl", "reload", "nfs-ganesha.service"}));
    return Plan{std::move(steps), nfs_mount(request, pseudo)};
}

/// A directory that some web server serves gets the image, and what nodes need before it.
Result<Plan> plan_directory(Host& host, const PublishRequest& request) {
    const Image& image = request.image;
    if (request.directory.empty())
        return permanent_error("--directory is required: a directory that the web server serves");
    if (!host.exists(request.directory))
        return permanent_error("--directory: there is no directory ", request.directory);
    std::string port = request.port != 0 ? text(":", request.port) : "";
    std::string url = request.url.empty() ? text("http://", bracketed(request.address), port) : request.url;
    while (url.ends_with('/'))
        url.pop_back();
    std::vector<Step> steps;
    std::vector<std::filesystem::path> files = {image.file()};
    if (!image.kernel_version.empty()) files.insert(files.end(), {image.kernel(), image.initramfs()});
    std::string place = text(request.directory, "/", image.id);
    steps.push_back({.kind = Step::Kind::directory, .path = place});
    for (const std::filesystem::path& file : files)
        steps.push_back({.kind = Step::Kind::clone,
                         .path = text(place, "/", file.filename().native()),
                         .contents = file});
    std::string file_url = text(url, "/", image.id, "/", image.file().filename().native());
    return Plan{std::move(steps),
                request.is_on_demand ? TRY(http_mount(image, {file_url})) : uri_mount(image, file_url),
                image.kernel_version.empty() ? "" : text(place, "/boot.ipxe")};
}

} // namespace mangrove::head
