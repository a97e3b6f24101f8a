#include "head/command/assign_commands.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include "base/log.h"
#include "definition/parse.h"
#include "head/publish/assignment.h"

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

void print_change(const std::string& node, const std::string& before, const std::string& after) {
    std::string change = before.empty() ? "" : before == after ? " (unchanged)" : ", was " + before;
    std::printf("%s: %s%s\n", node_text(node).c_str(), after.c_str(), change.c_str());
}

} // namespace

Result<> assign(const Directories& directories, const std::string& reference,
                const std::vector<std::string>& written, Run run, Scripts scripts) {
    std::vector<std::string> nodes = TRY(nodes_from(written));
    UniqueFd lock;
    if (run == Run::real) lock = TRY(lock_publications(directories));
    Record publication = TRY(find_publication(directories, reference));
    Image image = TRY(Store(directories.images).find(publication.image));
    if (image.kernel_version.empty())
        return permanent_error(image.id,
                               " has no kernel to boot: build it from a tree that has one, or with --kernel");
    BootDirectory boot(directories.boot);
    std::vector<Assignment> before = TRY(boot.list());
    if (!definition::secret_places(definition::parse_and_check(publication.definition).definition).empty())
        log_warning("the definition of ", publication.id, " has a secret, which everybody who can load from ",
                    directories.boot.native(), " can read");
    if (Result<> read = boot.check_scripts(); !read) {
        if (scripts == Scripts::must_be_there) return read;
        log_warning(read.error().what);
    }
    if (run == Run::real) TRY(boot.assign(publication, image, nodes), "assigning ", publication.id);
    for (const std::string& node : nodes)
        print_change(node, publication_of(before, node), publication.id);
    return {};
}

Result<> unassign(const Directories& directories, const std::vector<std::string>& written, Run run) {
    std::vector<std::string> nodes = TRY(nodes_from(written));
    UniqueFd lock;
    if (run == Run::real) lock = TRY(lock_publications(directories));
    BootDirectory boot(directories.boot);
    std::vector<Assignment> before = TRY(boot.list());
    for (const std::string& node : nodes)
        if (publication_of(before, node).empty())
            return permanent_error("nothing is assigned to ", node_text(node),
                                   "; `mangrovectl assigned` lists what is");
    bool goes_for_all = std::ranges::find(nodes, kAllNodes) != nodes.end();
    std::string others = goes_for_all ? "" : publication_of(before, kAllNodes);
    for (const std::string& node : nodes) {
        if (run == Run::real) TRY(boot.unassign(node));
        print_change(node, publication_of(before, node), others.empty() ? "nothing" : others);
    }
    return {};
}

Result<> list_assigned(const Directories& directories, Form form) {
    std::vector<Assignment> all = TRY(BootDirectory(directories.boot).list());
    if (form == Form::table && !all.empty()) std::printf("%-20s %s\n", "NODE", "PUBLICATION");
    if (form == Form::table && all.empty() && ::isatty(STDOUT_FILENO))
        std::fputs("nothing is assigned; mangrovectl assign IMAGE all\n", stderr);
    Json array(cJSON_CreateArray());
    for (const Assignment& assignment : all) {
        if (form == Form::table) {
            std::printf("%-20s %s\n", node_text(assignment.node).c_str(), assignment.publication.c_str());
            continue;
        }
        cJSON* json = cJSON_CreateObject();
        add_text(json, "node", node_text(assignment.node));
        add_text(json, "publication", assignment.publication);
        cJSON_AddItemToArray(array.get(), json);
    }
    if (form == Form::json) std::fputs(indented_json(array.get()).c_str(), stdout);
    return {};
}

} // namespace mangrove::head
