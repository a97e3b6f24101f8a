#include "head/image/format_limits.h"

#include <algorithm>
#include <set>
#include <sys/xattr.h>
#include <unistd.h>

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLabel = "security.selinux";

/// squashfs has numbers for three prefixes (fs/squashfs/squashfs_fs.h), ext4 and erofs for these ACLs, too.
bool can_hold(const std::string& format, const std::string& attribute) {
    for (std::string_view prefix : {"user.", "trusted.", "security."})
        if (attribute.starts_with(prefix)) return true;
    return format != "squashfs"
           && (attribute == "system.posix_acl_access" || attribute == "system.posix_acl_default");
}

struct Lost {
    std::set<std::string> attributes;
    uint64_t files = 0;
    std::string example;
};

/// mke2fs -d makes no sockets.
std::vector<std::string> sockets_of(const Contents& contents) {
    std::vector<std::string> sockets;
    for (const auto& [path, record] : contents)
        if (record.kind == 's') sockets.push_back(path);
    return sockets;
}

std::string label_of(const fs::path& path) {
    char label[4096];
    ssize_t size = ::lgetxattr(path.c_str(), kLabel, label, sizeof label);
    return std::string(label, size > 0 ? static_cast<size_t>(size) : 0);
}

} // namespace

std::vector<std::string> limit_to_format(Contents& contents, const Packing& packing) {
    Lost lost;
    for (auto& [path, record] : contents) {
        if (packing.labels == Labels::of_host) record.attributes.erase(kLabel);
        size_t count = std::erase_if(record.attributes, [&](const auto& attribute) {
            bool is_lost = !can_hold(packing.format, attribute.first);
            if (is_lost) lost.attributes.insert(attribute.first);
            return is_lost;
        });
        if (count > 0 && ++lost.files == 1) lost.example = path;
    }
    std::vector<std::string> lines;
    if (lost.files > 0)
        lines.push_back(text(packing.format, " cannot hold ",
                             join({lost.attributes.begin(), lost.attributes.end()}, ", "), ": left out of ",
                             lost.files, " files (", lost.example, ")",
                             packing.format == "squashfs" ? "; erofs and ext4 hold POSIX ACLs" : ""));
    std::vector<std::string> sockets =
        packing.format == "ext4" ? sockets_of(contents) : std::vector<std::string>{};
    for (const std::string& socket : sockets)
        contents.erase(socket);
    if (!sockets.empty())
        lines.push_back(text("mke2fs makes no sockets: left ", sockets.size(), " out (", sockets[0], ")"));
    return lines;
}

Labels labels_in(const fs::path& tree, Origin origin, const fs::path& workshop, bool host_has_selinux) {
    if (!host_has_selinux) return Labels::of_image;
    if (origin == Origin::in_place) return Labels::of_host;
    std::string own = label_of(workshop);
    std::error_code ignored;
    for (fs::recursive_directory_iterator entry(tree, ignored), end; !ignored && entry != end;
         entry.increment(ignored))
        if (label_of(entry->path()) != own) return Labels::of_image;
    return Labels::of_host;
}

bool host_has_selinux() {
    return ::access("/sys/fs/selinux/policyvers", F_OK) == 0;
}

} // namespace mangrove::head
