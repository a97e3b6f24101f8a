#include "head/publish/assigning.h"

#include <algorithm>

#include "definition/parse.h"
#include "head/publish/publishing.h"

namespace mangrove::head {

namespace {

Result<std::vector<std::string>> nodes_from(const std::vector<std::string>& written) {
    std::vector<std::string> nodes;
    for (const std::string& node : written)
        nodes.push_back(TRY(node_from(node)));
    return nodes;
}

Result<Record> find_publication(const Directories& directories, const std::string& reference) {
    Record found = TRY(find_one_published(directories, reference, "assign"));
    if (found.state == Record::State::published) return found;
    return permanent_error(found.id, " is ", state_name(found.state), "; mangrovectl publish ", found.image,
                           " --over ", found.over, " serves it again");
}

std::string publication_of(const std::vector<Assignment>& assignments, const std::string& node) {
    auto found = std::ranges::find(assignments, node, &Assignment::node);
    return found == assignments.end() ? "" : found->publication;
}

} // namespace

Result<Assigned> assign(const Directories& directories, const std::string& reference,
                        const std::vector<std::string>& written, Run run, Scripts scripts, Progress& shown) {
    KeptWarnings progress(shown);
    std::vector<std::string> nodes = TRY(nodes_from(written));
    UniqueFd lock;
    if (run == Run::real) lock = TRY(lock_publications(directories, progress));
    Record publication = TRY(find_publication(directories, reference));
    Image image = TRY(Store(directories.images).find(publication.image));
    if (image.kernel_version.empty())
        return permanent_error(image.id,
                               " has no kernel to boot: build it from a tree that has one, or with --kernel");
    BootDirectory boot(directories.boot);
    std::vector<Assignment> before = TRY(boot.list());
    if (!definition::secret_places(definition::parse_and_check(publication.definition).definition).empty())
        progress.warn(text("the definition of ", publication.id,
                           " has a secret, which everybody who can load from ", directories.boot.native(),
                           " can read"));
    if (Result<> read = boot.check_scripts(progress); !read) {
        if (scripts == Scripts::must_be_there) return std::unexpected(std::move(read).error());
        progress.warn(read.error().what);
    }
    if (run == Run::real) TRY(boot.assign(publication, image, nodes, progress), "assigning ", publication.id);
    Assigned assigned;
    for (const std::string& node : nodes)
        assigned.changes.push_back({node, publication_of(before, node), publication.id});
    assigned.warnings = progress.warnings();
    return assigned;
}

Result<Assigned> unassign(const Directories& directories, const std::vector<std::string>& written, Run run,
                          Progress& progress) {
    std::vector<std::string> nodes = TRY(nodes_from(written));
    UniqueFd lock;
    if (run == Run::real) lock = TRY(lock_publications(directories, progress));
    BootDirectory boot(directories.boot);
    std::vector<Assignment> before = TRY(boot.list());
    for (const std::string& node : nodes)
        if (publication_of(before, node).empty())
            return permanent_error("nothing is assigned to ", node_text(node),
                                   "; `mangrovectl assigned` lists what is");
    bool goes_for_all = std::ranges::find(nodes, kAllNodes) != nodes.end();
    std::string others = goes_for_all ? "" : publication_of(before, kAllNodes);
    Assigned assigned;
    for (const std::string& node : nodes) {
        if (run == Run::real) TRY(boot.unassign(node));
        assigned.changes.push_back({node, publication_of(before, node), others});
    }
    return assigned;
}

} // namespace mangrove::head
