#include <algorithm>
#include <iterator>

#include "definition/kind_table.h"
#include "definition/kinds.h"

namespace mangrove::definition {

namespace {

/// tmpfs(5): a number with k, m or g, or a share of the memory in percent.
void check_size(Reader& reader, const std::string& key, const std::string& size) {
    std::string_view digits = size;
    if (!digits.empty() && std::string_view("%kKmMgG").find(digits.back()) != std::string_view::npos)
        digits.remove_suffix(1);
    std::optional<uint64_t> number = parse_number(digits);
    if (!number || *number == 0 || (size.ends_with("%") && *number > 100))
        reader.problem(key, text("'", size, "' is not a size; write it like 512M, 2G or 50%"));
}

/// Bytes, in hexadecimal.
bool is_hexadecimal(std::string_view digits) {
    return digits.size() % 2 == 0 && digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// A number that may be missing.
std::optional<uint64_t> read_number(Reader& reader, const std::string& key, int64_t minimum) {
    constexpr int64_t kMost = int64_t{1} << 51; // as blocks, more than a file can have
    if (!reader.has(key)) return std::nullopt;
    return static_cast<uint64_t>(reader.integer(key, minimum, kMost, minimum));
}

std::optional<std::string> read_salt(Reader& reader) {
    if (!reader.has("salt")) return std::nullopt;
    std::string salt = reader.text("salt");
    if (salt == "-") return std::string(); // as veritysetup has it
    constexpr size_t kMostDigits = 512;
    if (salt.empty() || !is_hexadecimal(salt) || salt.size() > kMostDigits)
        reader.problem("salt", "is neither '-' nor up to 256 bytes in lower-case hexadecimal digits");
    return salt;
}

/// Without a superblock nothing else says it.
void require_tree(Reader& reader, const Verity& verity) {
    for (const auto& [key, is_given] : {std::pair{"salt", verity.salt.has_value()},
                                        std::pair{"data_blocks", verity.data_blocks.has_value()},
                                        std::pair{"hash_offset", verity.hash_offset || verity.hash_device}})
        if (!is_given) reader.problem(key, "is missing: \"no_superblock\" needs it");
}

std::optional<Verity> read_verity(Reader& parent) {
    std::optional<Reader> reader = parent.object("verity", false);
    if (!reader) return std::nullopt;
    Verity verity;
    verity.root_hash = reader->required_text("root_hash");
    constexpr size_t kDigits = 64;
    if (!verity.root_hash.empty()
        && (!is_hexadecimal(verity.root_hash) || verity.root_hash.size() != kDigits))
        reader->problem("root_hash", "is not 64 lower-case hexadecimal digits (SHA-256)");
    verity.salt = read_salt(*reader);
    verity.hash_offset = read_number(*reader, "hash_offset", 0);
    if (verity.hash_offset.value_or(0) % 4096 != 0)
        reader->problem("hash_offset", "is not a multiple of 4096");
    verity.data_blocks = read_number(*reader, "data_blocks", 1);
    verity.no_superblock = reader->boolean("no_superblock", false);
    if (std::optional<Reader> device = reader->object("hash_device", false))
        verity.hash_device = std::make_shared<const Attachment>(read_attachment(*device));
    if (verity.no_superblock) require_tree(*reader, verity);
    if (reader->choice("on_corruption", {"error", "restart"}, 0) == 1)
        verity.on_corruption = OnCorruption::restart;
    reader->finish();
    return verity;
}

/// Every write would make the hash tree a wrong one, so that dm-verity takes none.
void refuse_writing(Reader& reader, const MountAttach& attach) {
    if (std::ranges::find(attach.mount_options, "rw") != attach.mount_options.end())
        reader.problem("verity", "cannot be used with the mount option 'rw': a verified device is read-only");
    const auto* rbd = std::get_if<Rbd>(&attach.attachment.kind);
    if (rbd && std::ranges::find(rbd->options, "rw", &RbdOption::name) != rbd->options.end())
        reader.problem("verity", "cannot be used with \"rw\": a verified device is read-only");
}

/// In KiB. The kernel counts in pages, and rounds down what is none.
std::optional<uint32_t> read_readahead(Reader& reader) {
    constexpr int64_t kMost = 65536;
    constexpr int64_t kPage = 4;
    if (!reader.has("readahead")) return std::nullopt;
    int64_t readahead = reader.integer("readahead", 0, kMost, 0);
    if (readahead % kPage != 0) reader.problem("readahead", "is not a multiple of 4 (KiB)");
    return static_cast<uint32_t>(readahead);
}

void note_unverified(Reader& reader, const MountAttach& attach) {
    const auto* http = std::get_if<Http>(&attach.attachment.kind);
    if (!http || attach.verity) return;
    if (std::ranges::any_of(http->urls, [](const std::string& url) { return url.starts_with("http://"); }))
        reader.oddity("attach", "comes over http without 'verity': nothing verifies the file");
}

void read_attach(Reader& reader, Mount& mount) {
    MountAttach attach;
    attach.fs_type = reader.text("fs_type");
    attach.mount_options = reader.texts("mount_options");
    if (std::optional<Reader> object = reader.object("attach", true))
        attach.attachment = read_attachment(*object);
    attach.verity = read_verity(reader);
    if (attach.verity) refuse_writing(reader, attach);
    note_unverified(reader, attach);
    if (auto* http = std::get_if<Http>(&attach.attachment.kind); http && attach.verity)
        http->root_hash = attach.verity->root_hash;
    attach.readahead = read_readahead(reader);
    if (reader.choice("tables", {"device", "memory"}, 0) == 1) attach.tables = Tables::memory;
    if (attach.tables == Tables::memory && !attach.fs_type.empty() && attach.fs_type != "squashfs")
        reader.problem("tables", text("is for squashfs, and 'fs_type' is ", attach.fs_type));
    reader.ignore({"kind", "id", "refs", "mountpoint"});
    mount.kind = std::move(attach);
}

void read_bind(Reader& reader, Mount& mount) {
    MountBind bind;
    bind.path = reader.required_text("path");
    bind.base = read_base(reader, bind.mount);
    bind.recursive = reader.boolean("recursive", false);
    bind.ro = reader.boolean("ro", false);
    mount.kind = std::move(bind);
}

void read_upper(Reader& parent, Upper& upper) {
    std::optional<Reader> reader = parent.object("upper", false);
    if (!reader) return;
    upper.size = reader->text("size", upper.size);
    check_size(*reader, "size", upper.size);
    upper.mount = read_mount_pointer(*reader, "mount", false);
    upper.path = reader->text("path");
    if (!upper.path.empty() && !upper.mount) reader->problem("path", "can only be used with 'mount'");
    if (upper.mount && reader->has("size")) reader->problem("size", "cannot be used with 'mount'");
    const auto* attach = upper.mount ? std::get_if<MountAttach>(&upper.mount->kind) : nullptr;
    if (attach && attach->verity)
        reader->problem("mount", "has 'verity': a verified device is read-only and cannot be an upper");
    reader->finish();
}

void read_overlay(Reader& reader, Mount& mount) {
    MountOverlay overlay;
    const cJSON* lower = reader.get("lower");
    if (!lower)
        reader.problem("lower", "is missing");
    else if (!cJSON_IsArray(lower))
        reader.problem("lower", text("expected a list of mounts, found ", type_name(lower)));
    else if (cJSON_GetArraySize(lower) == 0)
        reader.problem("lower", "is empty: an overlay needs at least one mount");
    size_t index = 0;
    const cJSON* element = nullptr;
    if (cJSON_IsArray(lower)) cJSON_ArrayForEach(element, lower) {
            std::string path = element_path(member_path(reader.path(), "lower"), index++);
            if (!cJSON_IsObject(element)) {
                reader.findings().add(path, text("expected an object, found ", type_name(element)));
                continue;
            }
            Reader layer(reader.findings(), element, path);
            overlay.lower.push_back(read_mount(layer));
        }
    read_upper(reader, overlay.upper);
    reader.ignore({"workdir", "upperdir"});
    mount.kind = std::move(overlay);
}

void read_uri(Reader& reader, Mount& mount) {
    MountUri uri;
    uri.uri = reader.required_text("uri");
    bool known = false;
    for (std::string_view scheme : {"http://", "https://", "tftp://", "file:"})
        known |= uri.uri.starts_with(scheme);
    if (!uri.uri.empty() && !known) reader.problem("uri", "is not an http, https, tftp or file URI");
    uri.digest = reader.text("digest");
    std::string_view digits = uri.digest;
    bool is_sha256 = digits.starts_with("sha256:") && digits.size() == 7 + 64
                     && digits.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!uri.digest.empty() && !is_sha256)
        reader.problem("digest", "is not 'sha256:' and 64 lower-case hexadecimal digits");
    if (reader.has("verity")) reader.problem("verity", "is for block devices; 'digest' covers a file");
    uri.size = reader.text("size", uri.size);
    check_size(reader, "size", uri.size);
    mount.kind = std::move(uri);
}

constexpr MountKind kKinds[] = {
    {.name = "attach", .read = read_attach},
    {.name = "bind", .read = read_bind},
    {.name = "nfs", .modules = "nfs nfsv4", .optional_modules = "nfsv3", .read = read_nfs},
    {.name = "overlay", .read = read_overlay}, // every initramfs has its module
    {.name = "uri", .modules = "loop", .read = read_uri},
};
static_assert(std::size(kKinds) == std::variant_size_v<AnyMount>);

} // namespace

std::span<const MountKind> mount_kinds() {
    return kKinds;
}

Mount read_mount(Reader& reader) {
    Mount mount;
    mount.json_path = reader.path();
    reader.ignore({"id", "refs", "mountpoint"});
    std::vector<std::string> names;
    for (const MountKind& kind : kKinds)
        names.emplace_back(kind.name);
    require_kind(reader);
    size_t chosen = reader.choice("kind", names, std::size(kKinds));
    if (chosen == std::size(kKinds)) return mount;
    if (std::optional<Reader> object = reader.object(names[chosen], true)) {
        kKinds[chosen].read(*object, mount);
        object->finish();
    }
    reader.finish();
    return mount;
}

void require_kind(Reader& reader) {
    if (reader.has("kind")) return;
    if (reader.has("id"))
        reader.problem("id", "refers to an object of an ImageAPI server; write the object itself here");
    else
        reader.problem("kind", "is missing");
}

MountPointer read_mount_pointer(Reader& reader, const std::string& key, bool required) {
    std::optional<Reader> object = reader.object(key, required);
    if (!object) return nullptr;
    return std::make_shared<const Mount>(read_mount(*object));
}

Base read_base(Reader& reader, MountPointer& mount) {
    Base base = reader.choice("base", {"root", "mount"}, 0) == 1 ? Base::mount : Base::root;
    mount = read_mount_pointer(reader, "mount", base == Base::mount);
    if (base == Base::root && mount) reader.problem("mount", "can only be used with \"base\": \"mount\"");
    return base;
}

} // namespace mangrove::definition
