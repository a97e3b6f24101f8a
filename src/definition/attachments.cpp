#include <algorithm>
#include <iterator>

#include "base/host_port.h"
#include "definition/kind_table.h"
#include "definition/kinds.h"
#include "oci/reference.h"

namespace mangrove::definition {

namespace {

constexpr int64_t kLargestPort = 65535;

uint16_t read_port(Reader& reader, uint16_t fallback) {
    return static_cast<uint16_t>(reader.integer("port", 1, kLargestPort, fallback));
}

/// Every entry of a list of "host[:port]".
template <typename Take>
void read_hosts(Reader& reader, const std::string& key, Take take) {
    size_t index = 0;
    for (const std::string& written : reader.texts(key)) {
        if (std::optional<HostPort> split = split_host_port(written))
            take(*split);
        else
            reader.findings().add(element_path(member_path(reader.path(), key), index),
                                  text("'", written, "' is not a host, host:port or [IPv6]:port"));
        ++index;
    }
}

/// RFC 7143 §4.2.7: iqn., eui. or naa., at most 223 bytes.
void check_iscsi_name(Reader& reader, const std::string& key, const std::string& name) {
    if (name.empty()) return;
    bool known_form = name.starts_with("iqn.") || name.starts_with("eui.") || name.starts_with("naa.");
    if (!known_form)
        return reader.problem(key,
                              text("'", name, "' is not an iSCSI name: it begins with iqn., eui. or naa."));
    if (name.size() > 223) return reader.problem(key, "is longer than the 223 bytes of an iSCSI name");
    if (name.find_first_of(" \t\n,;") != std::string::npos)
        reader.problem(key, "contains a character that is not allowed in an iSCSI name");
    else if (name.find('_') != std::string::npos)
        reader.oddity(key, text("'", name, "' has a '_', which RFC 3722 forbids; some targets refuse it"));
}

std::optional<Chap> read_chap(Reader& parent) {
    std::optional<Reader> reader = parent.object("chap", false);
    if (!reader) return std::nullopt;
    Chap chap;
    chap.username = reader->required_text("username");
    chap.password = reader->required_text("password");
    chap.username_in = reader->text("username_in");
    chap.password_in = reader->text("password_in");
    if (chap.username_in.empty() != chap.password_in.empty())
        reader->problem(chap.username_in.empty() ? "username_in" : "password_in",
                        "is missing: mutual CHAP needs both");
    if (!chap.password.empty() && chap.password == chap.password_in)
        reader->problem("password_in", "must differ from 'password' (RFC 7143, 9.2.1)");
    reader->finish();
    return chap;
}

Digest read_digest(Reader& reader, const std::string& key) {
    return reader.choice(key, {"none", "crc32c"}, 0) == 1 ? Digest::crc32c : Digest::none;
}

/// Seconds for which I/O waits for a lost connection to come back; -1: for ever.
int32_t read_replacement_timeout(Reader& reader, int32_t fallback) {
    return static_cast<int32_t>(reader.integer("replacement_timeout", -1, 1000000, fallback));
}

void read_iscsi(Reader& reader, Attachment& attachment) {
    Iscsi iscsi;
    iscsi.target = reader.text("target");
    check_iscsi_name(reader, "target", iscsi.target);
    iscsi.host = reader.text("host");
    iscsi.port = read_port(reader, iscsi.port);
    read_hosts(reader, "portals", [&](const HostPort& at) {
        iscsi.portals.push_back({at.host, at.port.value_or(uint16_t{3260})});
    });
    if (iscsi.host.empty() && !reader.has("portals")) reader.problem("host", "is missing");
    iscsi.lun = static_cast<uint64_t>(reader.integer("lun", 0, 16383, 0));
    iscsi.initiator = reader.text("initiator");
    check_iscsi_name(reader, "initiator", iscsi.initiator);
    int64_t misspelt = reader.integer("max_comands", 1, 4096, iscsi.max_commands);
    iscsi.max_commands = static_cast<uint32_t>(reader.integer("max_commands", 1, 4096, misspelt));
    iscsi.queue_depth = static_cast<uint32_t>(reader.integer("queue_depth", 1, 1024, iscsi.queue_depth));
    iscsi.scheduler = reader.text("scheduler", iscsi.scheduler);
    iscsi.chap = read_chap(reader);
    iscsi.header_digest = read_digest(reader, "header_digest");
    iscsi.data_digest = read_digest(reader, "data_digest");
    iscsi.replacement_timeout = read_replacement_timeout(reader, iscsi.replacement_timeout);
    attachment.kind = std::move(iscsi);
}

enum class OptionType { flag, text, number };
struct RbdOptionKey {
    const char* name;
    OptionType type;
    const char* krbd_name = name;
};
/// Every option of krbd and libceph (drivers/block/rbd.c, net/ceph/ceph_common.c) besides name and secret.
constexpr RbdOptionKey kRbdOptions[] = {
    {"fsid", OptionType::text},
    {"ip", OptionType::text},
    {"share", OptionType::flag},
    {"noshare", OptionType::flag},
    {"crc", OptionType::flag},
    {"nocrc", OptionType::flag},
    {"cephx_require_signatures", OptionType::flag},
    {"nocephx_require_signatures", OptionType::flag},
    {"cephx_sign_messages", OptionType::flag},
    {"nocephx_sign_messages", OptionType::flag},
    {"tcp_nodelay", OptionType::flag},
    {"notcp_nodelay", OptionType::flag},
    {"mount_timeout", OptionType::number},
    {"osdkeepalive", OptionType::number},
    {"osd_idle_ttl", OptionType::number},
    {"osd_request_timeout", OptionType::number},
    {"rw", OptionType::flag},
    {"ro", OptionType::flag},
    {"queue_depth", OptionType::number},
    {"lock_on_read", OptionType::flag},
    {"exclusive", OptionType::flag},
    {"lock_timeout", OptionType::number},
    {"notrim", OptionType::flag},
    {"abort_on_full", OptionType::flag},
    {"alloc_size", OptionType::number},
    {"compression_hint", OptionType::text},
    {"ms_mode", OptionType::text},
    {"read_from_replica", OptionType::text},
    {"crush_location", OptionType::text},
    {"rxbounce", OptionType::flag},
    // As ImageAPI spells them.
    {"ceph_requires_signatures", OptionType::flag, "cephx_require_signatures"},
    {"noceph_requires_signatures", OptionType::flag, "nocephx_require_signatures"},
};

/// The kernel takes a list with commas, without quoting.
void check_word(Reader& reader, const std::string& key, const std::string& word) {
    if (word.find_first_of(" \t\n,") != std::string::npos)
        reader.problem(key, "contains a blank or a comma, which the kernel does not accept");
}

void read_rbd_options(Reader& parent, Rbd& rbd) {
    std::optional<Reader> reader = parent.object("options", false);
    if (!reader) return;
    rbd.user = reader->text("name");
    if (rbd.user.starts_with("client.")) reader->problem("name", "must be the user's name without 'client.'");
    rbd.secret = reader->text("secret");
    for (const char* key : {"namespace", "pool_ns"}) {
        rbd.pool_namespace = reader->text(key, rbd.pool_namespace);
        check_word(*reader, key, rbd.pool_namespace);
    }
    check_word(*reader, "name", rbd.user);
    for (const RbdOptionKey& option : kRbdOptions) {
        if (!reader->has(option.name)) continue;
        RbdOption taken = {option.krbd_name, {}};
        if (option.type == OptionType::text) {
            taken.value = reader->required_text(option.name);
            check_word(*reader, option.name, taken.value);
        }
        if (option.type == OptionType::number)
            taken.value = text(reader->integer(option.name, 0, INT32_MAX, 0));
        if (option.type == OptionType::flag && !reader->boolean(option.name, false)) continue;
        rbd.options.push_back(std::move(taken));
    }
    reader->ignore({"force"});
    reader->choice("ms_mode", {"legacy", "crc", "secure", "prefer-crc", "prefer-secure"}, 0);
    reader->choice("read_from_replica", {"no", "balance", "localize"}, 0);
    reader->choice("compression_hint", {"none", "compressible", "incompressible"}, 0);
    reader->finish();
}

void read_rbd(Reader& reader, Attachment& attachment) {
    Rbd rbd;
    read_hosts(reader, "monitors", [&](const HostPort& at) { rbd.monitors.push_back({at.host, at.port}); });
    if (!reader.has("monitors")) reader.problem("monitors", "is missing");
    // krbd takes one line of words, without quoting.
    for (const char* key : {"pool", "image", "snapshot"})
        if (reader.text(key).find_first_of(" \t\n") != std::string::npos)
            reader.problem(key, "contains a blank, which krbd does not accept");
    rbd.pool = reader.required_text("pool");
    rbd.image = reader.required_text("image");
    rbd.snapshot = reader.text("snapshot");
    read_rbd_options(reader, rbd);
    reader.ignore({"device_id"});
    attachment.kind = std::move(rbd);
}

void read_nbd(Reader& reader, Attachment& attachment) {
    Nbd nbd;
    nbd.host = reader.required_text("host");
    nbd.port = read_port(reader, nbd.port);
    nbd.export_name = reader.text("export");
    nbd.connections = static_cast<uint32_t>(reader.integer("connections", 1, 16, nbd.connections));
    nbd.timeout = std::chrono::seconds(reader.integer("timeout", 0, 86400, 0));
    nbd.replacement_timeout = read_replacement_timeout(reader, nbd.replacement_timeout);
    attachment.kind = std::move(nbd);
}

/// Without credentials: a URL is shown in messages.
void check_url(Reader& reader, size_t index, std::string_view url) {
    std::string path = element_path(member_path(reader.path(), "urls"), index);
    if (url.starts_with("oci://")) {
        Result<oci::Reference> artifact = oci::Reference::parse(url);
        if (!artifact)
            reader.findings().add(path, artifact.error().what);
        else if (artifact->digest.empty())
            reader.findings().add(path, "has no digest: expected …@sha256:…, the manifest's");
        return;
    }
    size_t begin = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : url.size();
    std::string_view authority = url.substr(begin, url.substr(begin).find_first_of("/?#"));
    bool is_printable = std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~'; });
    if (authority.empty() || !is_printable)
        reader.findings().add(path, "is not an http, https or oci URL");
    else if (authority.find('@') != std::string_view::npos)
        reader.findings().add(path, "holds a user name; give it as 'username' and 'password'");
}

/// The two keys of S3 in the place of username and password.
void read_s3_keys(Reader& reader, Http& http) {
    std::string access_key = reader.text("access_key");
    std::string secret_key = reader.text("secret_key");
    http.region = reader.text("region", "us-east-1");
    if (access_key.empty() && secret_key.empty()) {
        if (reader.has("region")) reader.problem("region", "needs 'access_key' and 'secret_key'");
        return http.region.clear();
    }
    if (access_key.empty() || secret_key.empty())
        reader.problem(access_key.empty() ? "access_key" : "secret_key",
                       "is missing: a signature needs both");
    if (!http.username.empty() || !http.token.empty())
        reader.problem("access_key", "cannot be used with 'username' or 'token'");
    if (http.region.empty()) reader.problem("region", "is empty");
    // They become parts of a header with commas and slashes.
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+$@";
    for (auto [key, value] : {std::pair("access_key", &access_key), std::pair("region", &http.region)})
        if (value->find_first_not_of(kAllowed) != std::string::npos)
            reader.problem(key, "contains a character that is not allowed there");
    http.username = std::move(access_key);
    http.password = std::move(secret_key);
}

/// The syntax of HTTP's Range (RFC 9110, 14.1.2): "0-499,1000-1499".
std::optional<ByteRange> parse_range(std::string_view written) {
    size_t dash = std::min(written.find('-'), written.size());
    std::optional<uint64_t> first = parse_number(written.substr(0, dash));
    std::optional<uint64_t> last = parse_number(written.substr(std::min(dash + 1, written.size())));
    bool is_range = first && last && *first <= *last && *last <= INT64_MAX;
    return is_range ? std::optional(ByteRange{*first, *last}) : std::nullopt;
}

std::vector<ByteRange> read_ranges(Reader& reader, const std::string& key) {
    constexpr size_t kMostRanges = 256;
    std::vector<ByteRange> ranges;
    std::string written = reader.text(key);
    if (written.empty()) return ranges;
    for (const std::string& range : split(written, ',')) {
        std::optional<ByteRange> parsed = parse_range(trim(range));
        if (parsed)
            ranges.push_back(*parsed);
        else
            reader.problem(key, text("'", range, "' is not a range of bytes, as 0-499"));
    }
    if (ranges.size() > kMostRanges)
        reader.problem(key, text("has ", ranges.size(), " ranges; expected at most ", kMostRanges));
    return ranges;
}

void read_cache(Reader& reader, Http& http) {
    constexpr int64_t kMostFill = 4096;
    if (std::optional<Reader> disk = reader.object("cache", false)) {
        CachePlace place = {disk->text("path"), disk->text("partuuid"), disk->text("partlabel")};
        int given = !place.path.empty() + !place.partuuid.empty() + !place.partlabel.empty();
        if (given != 1) disk->problem("path", "expected exactly one of path, partuuid and partlabel");
        disk->finish();
        http.cache = std::move(place);
    }
    http.fill = static_cast<uint32_t>(reader.integer("fill", 0, kMostFill, 0));
    if (http.fill > 0 && !http.cache && !reader.has("cache_mib"))
        reader.problem("fill",
                       "needs a cache that holds the file: a disk as 'cache', or a 'cache_mib' as large");
}

void read_http(Reader& reader, Attachment& attachment) {
    constexpr size_t kMostUrls = 8;
    Http http;
    http.urls = reader.texts("urls");
    if (!reader.has("urls")) reader.problem("urls", "is missing");
    if (reader.has("urls") && (http.urls.empty() || http.urls.size() > kMostUrls))
        reader.problem("urls", text("has ", http.urls.size(), " URLs; expected 1 to ", kMostUrls));
    for (size_t index = 0; index < http.urls.size(); ++index)
        check_url(reader, index, http.urls[index]);
    http.spread = reader.boolean("spread", http.spread);
    http.username = reader.text("username");
    http.password = reader.text("password");
    http.token = reader.text("token");
    if (http.username.find(':') != std::string::npos)
        reader.problem("username", "contains a ':', which Basic authentication does not allow");
    if (http.username.empty() && !http.password.empty())
        reader.problem("username", "is missing: 'password' needs it");
    if (!http.username.empty() && !http.token.empty())
        reader.problem("token", "cannot be used with 'username'");
    if (std::ranges::any_of(http.token, [](char c) { return c <= ' ' || c > '~'; }))
        reader.problem("token", "contains a character that is not allowed in a token");
    read_s3_keys(reader, http);
    http.cache_mib = static_cast<uint32_t>(reader.integer("cache_mib", 4, 4096, http.cache_mib));
    http.prefetch = read_ranges(reader, "prefetch");
    http.prefetch_round_trip =
        static_cast<uint32_t>(reader.integer("prefetch_round_trip", 0, 10'000, http.prefetch_round_trip));
    read_cache(reader, http);
    attachment.kind = std::move(http);
}

/// NVM Express Base Specification, 4.7: at most 223 bytes.
void check_nvme_name(Reader& reader, const std::string& key, const std::string& name) {
    check_word(reader, key, name);
    if (name.size() > 223) reader.problem(key, "is longer than the 223 bytes of an NVMe name");
}

bool is_uuid(std::string_view written) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return std::ranges::equal(written, kForm, [](char c, char form) {
        return form == '-' ? c == '-' : parse_number({&c, 1}, 16).has_value();
    });
}

void read_nvme(Reader& reader, Attachment& attachment) {
    Nvme nvme;
    nvme.host = reader.required_text("host");
    nvme.port = read_port(reader, nvme.port);
    nvme.nqn = reader.text("nqn");
    nvme.nsid = static_cast<uint32_t>(reader.integer("nsid", 1, UINT32_MAX - 1, nvme.nsid));
    nvme.hostnqn = reader.text("hostnqn");
    nvme.hostid = reader.text("hostid");
    nvme.dhchap_secret = reader.text("dhchap_secret");
    check_nvme_name(reader, "nqn", nvme.nqn);
    check_nvme_name(reader, "hostnqn", nvme.hostnqn);
    if (!nvme.hostid.empty() && !is_uuid(nvme.hostid)) reader.problem("hostid", "is not a UUID");
    check_word(reader, "dhchap_secret", nvme.dhchap_secret);
    if (!nvme.dhchap_secret.empty() && !nvme.dhchap_secret.starts_with("DHHC-1:"))
        reader.problem("dhchap_secret", "is not a DH-HMAC-CHAP key, which begins with DHHC-1:");
    attachment.kind = std::move(nvme);
}

void read_loopback(Reader& reader, Attachment& attachment) {
    Loopback loopback;
    loopback.path = reader.required_text("path");
    loopback.base = read_base(reader, loopback.mount);
    loopback.read_partitions = reader.boolean("readPartitions", false);
    loopback.partition = static_cast<uint32_t>(reader.integer("partition", 0, 255, 0));
    loopback.direct_io = reader.boolean("direct_io", false);
    attachment.kind = std::move(loopback);
}

/// The attachments at `key`.
std::vector<Attachment> read_attachments(Reader& reader, const std::string& key) {
    std::vector<Attachment> attachments;
    const cJSON* list = reader.get(key);
    if (!list) return attachments;
    if (!cJSON_IsArray(list)) {
        reader.problem(key, text("expected a list of attachments, found ", type_name(list)));
        return attachments;
    }
    size_t index = 0;
    const cJSON* element = nullptr;
    cJSON_ArrayForEach(element, list) {
        std::string path = element_path(member_path(reader.path(), key), index++);
        if (!cJSON_IsObject(element)) {
            reader.findings().add(path, text("expected an object, found ", type_name(element)));
            continue;
        }
        Reader object(reader.findings(), element, path);
        attachments.push_back(read_attachment(object));
    }
    return attachments;
}

void read_local(Reader& reader, Attachment& attachment) {
    Local local = {reader.text("path"),     reader.text("label"),     reader.text("uuid"),
                   reader.text("partuuid"), reader.text("partlabel"), read_attachments(reader, "on")};
    int given = !local.path.empty() + !local.label.empty() + !local.uuid.empty() + !local.partuuid.empty()
                + !local.partlabel.empty();
    if (given == 0) reader.problem("path", "is missing: give one of path, label, uuid, partuuid, partlabel");
    if (given > 1)
        reader.problem("path", "only one of path, label, uuid, partuuid and partlabel can be given");
    attachment.kind = std::move(local);
}

constexpr AttachmentKind kKinds[] = {
    {.name = "loopback",
     .doing = "attaching a file as a loop device",
     .needs_network = false, // its mount may
     .modules = "loop",
     .read = read_loopback},
    {.name = "iscsi",
     .doing = "attaching an iSCSI LUN",
     .secret_keys = "password password_in",
     .modules = "iscsi_tcp sd_mod",
     .optional_modules = "crc32c_generic crc32c_intel mq-deadline",
     .read = read_iscsi},
    {.name = "rbd",
     .doing = "attaching an RBD image",
     .secret_keys = "secret",
     .modules = "rbd",
     .optional_modules = "aes_generic aesni_intel cbc hmac sha256_generic gcm ghash-generic ctr "
                         "crc32c_generic crc32c_intel",
     .read = read_rbd},
    {.name = "nbd", .doing = "attaching an NBD export", .modules = "nbd", .read = read_nbd},
    {.name = "http",
     .doing = "attaching a file over HTTP",
     .secret_keys = "password token secret_key",
     .alternative_modules = "nbd,fuse loop,ublk_drv",
     .read = read_http},
    {.name = "nvme",
     .doing = "attaching an NVMe namespace",
     .secret_keys = "dhchap_secret",
     .modules = "nvme_tcp",
     .optional_modules = "crc32c_generic crc32c_intel",
     .read = read_nvme},
    {.name = "local",
     .doing = "finding a local disk",
     .needs_network = false, // the disks that it is on may
     .optional_modules = "sd_mod",
     .read = read_local},
};
static_assert(std::size(kKinds) == std::variant_size_v<AnyAttachment>);

bool has_secret(const cJSON* value, const AttachmentKind& kind) {
    const cJSON* child = nullptr;
    cJSON_ArrayForEach(child, value) {
        bool is_given = cJSON_IsString(child) && *child->valuestring != '\0';
        if ((is_given && child->string && is_secret(kind, child->string)) || has_secret(child, kind))
            return true;
    }
    return false;
}

} // namespace

std::vector<std::string> words(std::string_view list) {
    return list.empty() ? std::vector<std::string>() : split(list, ' ');
}

bool is_secret(const AttachmentKind& kind, std::string_view key) {
    std::vector<std::string> keys = words(kind.secret_keys);
    return std::ranges::find(keys, key) != keys.end();
}

std::span<const AttachmentKind> attachment_kinds() {
    return kKinds;
}

const AttachmentKind& kind_of(const AnyAttachment& attachment) {
    return kKinds[attachment.index()];
}

Attachment read_attachment(Reader& reader) {
    Attachment attachment;
    attachment.json_path = reader.path();
    reader.ignore({"id", "refs", "device_file"});
    std::vector<std::string> names;
    for (const AttachmentKind& kind : kKinds)
        names.emplace_back(kind.name);
    require_kind(reader);
    size_t chosen = reader.choice("kind", names, std::size(kKinds));
    if (chosen == std::size(kKinds)) return attachment; // what the other keys mean is not known
    if (std::optional<Reader> object = reader.object(names[chosen], true)) {
        kKinds[chosen].read(*object, attachment);
        attachment.has_secret = has_secret(reader.get(names[chosen]), kKinds[chosen]);
        object->finish();
    }
    reader.finish();
    return attachment;
}

} // namespace mangrove::definition
