#include "head/publish/assignment.h"

#include <algorithm>
#include <cerrno>

#include "head/publish/output_format.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kChain = "chain --autofree ";
constexpr std::string_view kScript = "/boot.ipxe ||";

/// Empty where the script is not one of ours.
std::string publication_of(const std::string& script) {
    for (const std::string& line : split(script, '\n'))
        if (line.starts_with(kChain) && line.ends_with(kScript))
            return line.substr(kChain.size(), line.size() - kChain.size() - kScript.size());
    return {};
}

/// A node that cannot load it must not come up with another image.
std::string script_for(const std::string& publication) {
    return text("#!ipxe\n# Written by mangrovectl.\n", kChain, publication, kScript, "\necho ", publication,
                " cannot be loaded, starting again\nsleep 10\nreboot\n");
}

/// The bytes of a hardware address, two digits each, from any notation; none where it is no address.
std::vector<std::string> address_bytes(const std::string& written) {
    std::vector<std::string> groups = split(written, written.find('.') != std::string::npos   ? '.'
                                                     : written.find(':') != std::string::npos ? ':'
                                                                                              : '-');
    constexpr size_t kEthernet = 6;
    bool is_dotted = written.find('.') != std::string::npos && groups.size() == 3;
    bool is_bare = groups.size() == 1 && written.size() == 2 * kEthernet;
    size_t digits = is_dotted ? 4 : is_bare ? 2 * kEthernet : 2;
    std::vector<std::string> bytes;
    for (const std::string& group : groups) {
        if (group.size() != digits || group.find_first_not_of("0123456789abcdef") != std::string::npos)
            return {};
        for (size_t at = 0; at < digits; at += 2)
            bytes.push_back(group.substr(at, 2));
    }
    return bytes.size() >= kEthernet ? bytes : std::vector<std::string>();
}

/// Of the kernel that nodes load from there.
std::string kernel_version_in(const fs::path& directory) {
    constexpr std::string_view kKernel = "vmlinuz-";
    std::error_code ignored;
    for (fs::directory_iterator entry(directory, ignored), end; !ignored && entry != end;
         entry.increment(ignored))
        if (std::string name = entry->path().filename(); name.starts_with(kKernel))
            return name.substr(kKernel.size());
    return {};
}

} // namespace

Result<> BootDirectory::check_scripts(Progress& progress) const {
    fs::path all = directory_ / "nodes" / "all.ipxe";
    Result<std::string> script = read_file(all);
    if (script && script->find("mangrove.definition=") != std::string::npos)
        progress.warn(all.native() + " has a definition, which nodes will boot when that of the image fails");
    fs::path first = directory_ / "boot.ipxe";
    script = read_file(first);
    if (script && script->find("assigned/") != std::string::npos) return {};
    return permanent_error(
        first.native(), script ? " does not read what is in assigned/" : " not found",
        ", so that no node will boot it; docs/pxe.md has the script (--force assigns without it)");
}

Result<std::string> node_from(const std::string& written) {
    if (written == kAllNodes) return written;
    std::vector<std::string> bytes = address_bytes(lower_case(written));
    if (bytes.empty())
        return permanent_error("'", written, "' is not a MAC address (52:54:00:12:34:56) or '", kAllNodes,
                               "'");
    // The lowest bit of the first byte marks addresses of groups (IEEE 802); addresses of InfiniBand are
    // longer.
    bool is_for_groups = bytes.size() == 6 && *parse_number(bytes[0], 16) % 2 == 1;
    bool is_null = std::ranges::all_of(bytes, [](const std::string& byte) { return byte == "00"; });
    if (is_for_groups || is_null)
        return permanent_error("'", written, "' is not the address of a network card");
    return join(bytes, "-");
}

std::string node_text(std::string node) {
    if (node != kAllNodes) std::ranges::replace(node, '-', ':');
    return node;
}

Result<std::vector<Assignment>> BootDirectory::list() const {
    std::vector<Assignment> assignments;
    std::error_code problem;
    for (fs::directory_iterator entry(assigned(), problem); entry != fs::directory_iterator();
         entry.increment(problem)) {
        std::error_code ignored;
        if (entry->path().extension() != ".ipxe" || !entry->is_regular_file(ignored)) continue;
        Result<std::string> script = read_file(entry->path());
        if (!script && script.error().code == ENOENT) continue; // taken away meanwhile
        std::string publication = publication_of(TRY(std::move(script)));
        if (publication.empty()) continue;
        assignments.push_back({.node = entry->path().stem(),
                               .publication = publication,
                               .image = publication.substr(0, publication.rfind('.')),
                               .kernel_version = kernel_version_in(assigned() / publication)});
    }
    if (problem && problem != std::errc::no_such_file_or_directory)
        return system_error(problem.value(), "listing ", assigned().native());
    std::ranges::sort(assignments, {}, &Assignment::node);
    return assignments;
}

Result<> BootDirectory::assign(const Record& publication, const Image& image,
                               const std::vector<std::string>& nodes, Progress& progress) const {
    std::error_code ignored;
    if (!fs::is_directory(directory_, ignored))
        return permanent_error("--boot-directory: there is no directory ", directory_.native(),
                               "; docs/pxe.md says what has to be in it");
    fs::path place = assigned() / publication.id;
    TRY(make_directories(place));
    for (const fs::path& made : {assigned(), place})
        if (fs::is_symlink(made, ignored))
            return permanent_error(made.native(), " is a symbolic link; remove it");
    for (const fs::path& file : {image.kernel(), image.initramfs()}) {
        LongWork work(progress, "copying to " + (place / file.filename()).native(), size_of_file(file));
        TRY(clone_file(file, place / file.filename(), progress));
    }
    TRY(write_file(place / "boot.ipxe", TRY(render(publication.definition, image, OutputFormat::ipxe))));
    for (const std::string& node : nodes)
        TRY(write_file(script_of(node), script_for(publication.id)));
    return {};
}

Result<> BootDirectory::unassign(const std::string& node) const {
    return remove_tree(script_of(node));
}

Result<> BootDirectory::forget(const std::string& publication) const {
    return remove_tree(assigned() / publication);
}

} // namespace mangrove::head
