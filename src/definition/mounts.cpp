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

void read_attach(Reader& reader, Mount& mount) {
    MountAttach attach;
    attach.fs_type = reader.text("fs_type");
    attach.mount_options = reader.texts("mount_options");
    if (std::optional<Reader> object = reader.object("attach", true))
        attach.attachment = read_attachment(*object);
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
