/// S3, by s3cmd(1): the image's files become objects of a bucket, and nodes read the image on demand. The
/// writer's keys stay in a file of s3cmd's, which its commands are given; those of nodes, where there are
/// any, are in the definition.

#include <algorithm>
#include <cctype>

#include "head/host/program.h"
#include "head/publish/publish.h"

namespace mangrove::head {

namespace {

struct Keys {
    std::string access;
    std::string secret;
};

/// "access_key = …" and "secret_key = …", as `s3cmd --configure` writes them.
Result<Keys> read_keys(Host& host, const char* option, const std::string& path) {
    Keys keys;
    for (const std::string& line : split(TRY(host.read(path), "reading ", option), '\n')) {
        size_t equals = line.find('=');
        if (equals == std::string::npos) continue;
        std::string_view key = trim(std::string_view(line).substr(0, equals));
        std::string_view value = trim(std::string_view(line).substr(equals + 1));
        if (key == "access_key") keys.access = value;
        if (key == "secret_key") keys.secret = value;
    }
    if (!keys.access.empty() && !keys.secret.empty()) return keys;
    return permanent_error(option, ": ", path,
                           " lacks 'access_key = …' or 'secret_key = …', as s3cmd --configure writes them");
}

/// They become parts of URLs, and of words of a shell.
Result<> check_bucket(const std::string& bucket) {
    if (bucket.empty()) return permanent_error("--bucket is required: the bucket that gets the image");
    bool is_plain = !bucket.starts_with('-') && std::ranges::all_of(bucket, [](unsigned char letter) {
        return std::isalnum(letter) || letter == '.' || letter == '_' || letter == '-';
    });
    if (is_plain) return {};
    return permanent_error("--bucket: '", bucket,
                           "' has other characters than letters, digits, '.', '_' and '-'");
}

struct Endpoint {
    std::string host; ///< with the port
    bool has_tls = false;
};

Result<Endpoint> endpoint_of(const std::string& url) {
    bool has_tls = url.starts_with("https://");
    std::string host = has_tls ? url.substr(8) : url.starts_with("http://") ? url.substr(7) : "";
    if (host.ends_with('/')) host.pop_back();
    if (!host.empty() && host.find_first_of("/?#@ ") == std::string::npos) return Endpoint{host, has_tls};
    return permanent_error("--url is required: the endpoint of S3, without the bucket: "
                           "https://s3.eu-central-1.amazonaws.com");
}

/// The objects of one image.
class Objects {
  public:
    Objects(const PublishRequest& request, const Endpoint& endpoint)
        : place_(text("s3://", request.bucket, "/", request.image.id, "/")),
          s3cmd_{"s3cmd",
                 "--config=" + request.credentials,
                 "--host=" + endpoint.host,
                 "--host-bucket=" + endpoint.host,
                 endpoint.has_tls ? "--ssl" : "--no-ssl",
                 "--region=" + request.region,
                 "--no-progress"} {}

    enum class Acl { of_bucket, public_read };
    Step put(const std::string& file, const std::string& name, Acl acl) const {
        std::string object = place_ + name;
        std::vector<std::string> put = {"--no-preserve", "--mime-type=application/octet-stream"};
        if (acl == Acl::public_read) put.emplace_back("--acl-public");
        put.insert(put.end(), {"put", file, object});
        return {.words = words(put),
                .undo_words = words({"del", object}),
                .probe = {"sh", "-c",
                          text("listed=$(", line({"ls", object}), ") && echo \"$listed\" | sed 's/.* //'")},
                .probe_line = object,
                .reads = file};
    }

    /// Takes back what a killed s3cmd has uploaded of a large file: the server keeps it, and has it paid for.
    Step give_up_parts() const {
        return {.undo_words = {"sh", "-c",
                               text("parts=$(", line({"multipart", place_.substr(0, place_.find('/', 5))}),
                                    ") && echo \"$parts\" | while read -r _ object id; do case $object in ",
                                    place_, "*) ", line({"abortmp"}), " \"$object\" \"$id\" ;; esac; done")}};
    }

  private:
    std::vector<std::string> words(const std::vector<std::string>& further) const {
        std::vector<std::string> all = s3cmd_;
        all.insert(all.end(), further.begin(), further.end());
        return all;
    }
    std::string line(const std::vector<std::string>& further) const { return command_line(words(further)); }

    std::string place_;
    std::vector<std::string> s3cmd_;
};

Json keys_in_definition(const Keys& keys, const std::string& region) {
    Json json = make_json_object();
    if (keys.access.empty()) return json;
    add_text(json.get(), "access_key", keys.access);
    add_text(json.get(), "secret_key", keys.secret);
    if (region != kUsualRegion) add_text(json.get(), "region", region);
    return json;
}

} // namespace

Result<Plan> plan_s3(Host& host, const PublishRequest& request) {
    TRY(check_bucket(request.bucket));
    Endpoint endpoint = TRY(endpoint_of(request.url));
    if (request.credentials.empty())
        return permanent_error(
            "--credentials is required: a file with the keys of a user who may write to the bucket");
    Keys writer = TRY(read_keys(host, "--credentials", request.credentials));
    Keys node;
    if (!request.node_credentials.empty())
        node = TRY(read_keys(host, "--node-credentials", request.node_credentials));
    if (node.access == writer.access)
        return permanent_error("--node-credentials: holds the writer's keys, which are not for nodes");
    TRY(host.run({"s3cmd", "--version"}));

    const Image& image = request.image;
    Objects objects(request, endpoint);
    using Acl = Objects::Acl;
    Acl of_boot_files = request.public_read.empty() ? Acl::of_bucket : Acl::public_read;
    Acl of_image = request.public_read == "all" ? Acl::public_read : Acl::of_bucket;
    std::string name = image.file().filename();
    std::string url = text(endpoint.has_tls ? "https://" : "http://", endpoint.host, "/", request.bucket, "/",
                           image.id, "/", name);
    Plan plan;
    plan.steps = {objects.give_up_parts(), objects.put(image.file(), name, of_image)};
    plan.mount = TRY(http_mount(image, {url}, keys_in_definition(node, request.region)));
    if (image.kernel_version.empty()) return plan;
    for (const std::filesystem::path& file : {image.kernel(), image.initramfs()})
        plan.steps.push_back(objects.put(file, file.filename(), of_boot_files));
    // It holds the definition, and iPXE has no keys.
    if (!node.access.empty()) return plan;
    plan.script_path = text(request.records, "/", image.id, ".boot.ipxe");
    plan.after_script = {objects.put(plan.script_path, "boot.ipxe", of_boot_files)};
    return plan;
}

} // namespace mangrove::head
