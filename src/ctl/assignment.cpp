#include "ctl/assignment.h"

#include <algorithm>

#include "base/log.h"
#include "ctl/handout.h"

namespace mangrove::ctl {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kChain = "chain --autofree ";
constexpr std::string_view kScript = "/boot.ipxe";

/// Empty where the script is not one of ours.
std::string publication_of(const std::string& script) {
    for (const std::string& line : split(script, '\n'))
        if (line.starts_with(kChain) && line.ends_with(kScript))
            return line.substr(kChain.size(), line.size() - kChain.size() - kScript.size());
    return {};
}

/// By way of another name, so that nobody loads half of it.
Result<> put(const fs::path& from, const fs::path& directory) {
    fs::path to = directory / from.filename();
    fs::path temporary = to.native() + ".new";
    TRY(remove_tree(temporary));
    TRY(clone_file(from, temporary));
    return rename_file(temporary, to);
}

void check_first_script(const fs::path& path) {
    Result<std::string> script = read_file(path);
    if (script && script->find("assigned/") != std::string::npos) return;
    log_warning(path.native(), script ? " does not read what is in assigned/" : " is not there",
                ", so that no node will boot it: docs/pxe.md has the script");
}

} // namespace

Result<std::string> node_from(const std::string& written) {
    if (written == kAllNodes) return written;
    std::string node = lower_case(written);
    std::ranges::replace(node, ':', '-');
    constexpr size_t kEthernet = 6;
    std::vector<std::string> bytes = split(node, '-');
    bool is_address = bytes.size() >= kEthernet && std::ranges::all_of(bytes, [](const std::string& byte) {
                          return byte.size() == 2 && parse_number(byte, 16);
                      });
    if (!is_address)
        return permanent_error("'", written,
                               "' is no node: give the address of its card (52:54:00:12:34:56) or '",
                               kAllNodes, "'");
    return node;
}

Result<std::vector<Assignment>> BootDirectory::list() const {
    std::vector<Assignment> assignments;
    std::error_code problem;
    for (fs::directory_iterator entry(assigned(), problem); entry != fs::directory_iterator();
         entry.increment(problem)) {
        if (entry->path().extension() != ".ipxe") continue;
        std::string publication = publication_of(TRY(read_file(entry->path())));
        if (!publication.empty()) assignments.push_back({entry->path().stem(), publication});
    }
    if (problem && problem != std::errc::no_such_file_or_directory)
        return system_error(problem.value(), "listing ", assigned().native());
    std::ranges::sort(assignments, {}, &Assignment::node);
    return assignments;
}

Result<> BootDirectory::assign(const Publication& publication, const Image& image,
                               const std::vector<std::string>& nodes) const {
    std::error_code ignored;
    if (!fs::is_directory(directory_, ignored))
        return permanent_error("--boot-directory: there is no directory ", directory_.native(),
                               "; docs/pxe.md says what has to be in it");
    check_first_script(directory_ / "boot.ipxe");
    fs::path place = assigned() / publication.id;
    TRY(make_directories(place));
    TRY(put(image.kernel(), place));
    TRY(put(image.initramfs(), place));
    TRY(write_file(place / "boot.ipxe", TRY(hand_out(publication.definition, image, Handout::ipxe))));
    for (const std::string& node : nodes)
        TRY(write_file(script_of(node),
                       text("#!ipxe\n# Written by mangrovectl.\n", kChain, publication.id, kScript, "\n")));
    return {};
}

Result<> BootDirectory::unassign(const std::string& node) const {
    return remove_tree(script_of(node));
}

Result<> BootDirectory::forget(const std::string& publication) const {
    return remove_tree(assigned() / publication);
}

} // namespace mangrove::ctl
