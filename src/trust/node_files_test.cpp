#include "trust/node_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace mangrove::trust {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kUrl = "https://head/n/files/{digest}.tar?node=n1";

std::string name_of(int node) {
    return text("52:54:00:00:00:", node < 10 ? "0" : "", node);
}

FilesOfNodes files_of(int nodes) {
    FilesOfNodes files;
    for (int node = 1; node <= nodes; ++node)
        files[name_of(node)] = {std::string(64, 'a'), hex(Bytes(32, static_cast<uint8_t>(node)))};
    return files;
}

std::string definition(const std::string& root, Json own) {
    Json json(cJSON_Parse(R"({"mount":{"kind":"overlay","overlay":{"lower":["image"]}}})"));
    if (!root.empty()) cJSON_AddStringToObject(json.get(), kNodeFiles, root.c_str());
    if (own) cJSON_AddItemToObject(json.get(), kOwnFiles, own.release());
    return print_json(json);
}

std::string problem_of(const std::string& definition, const std::string& name) {
    Result<std::string> made = with_own_files(definition, {name});
    return made ? "" : made.error().what;
}

TEST(NodeFiles, AreLayersAboveTheImage) {
    FilesTree tree(files_of(3));
    std::string made =
        with_own_files(definition(tree.root(), tree.own_files(name_of(2), kUrl)), {"another", name_of(2)})
            .value();
    std::string layer = R"({"kind":"uri","uri":{"uri":"https://head/n/files/)";
    EXPECT_THAT(made, StartsWith(R"({"mount":{"kind":"overlay","overlay":{"lower":[)" + layer + "0202"))
        << "the last one is uppermost";
    EXPECT_THAT(
        made, HasSubstr(R"(.tar?node=n1","digest":"sha256:)" + std::string(64, 'a') + R"("}},"image"]}}})"));
    EXPECT_EQ(with_own_files(definition("", nullptr), {"another"}).value(), definition("", nullptr));
}

TEST(NodeFiles, OfEveryNodeArePinnedByTheRoot) {
    for (int nodes = 1; nodes <= 20; ++nodes) {
        FilesTree tree(files_of(nodes));
        for (int node = 1; node <= nodes; ++node) {
            std::string own = definition(tree.root(), tree.own_files(name_of(node), kUrl));
            EXPECT_EQ(problem_of(own, name_of(node)), "") << node << " of " << nodes;
            EXPECT_THAT(problem_of(own, name_of(99)), HasSubstr("not those that were signed for this node"));
        }
    }
}

TEST(NodeFiles, ThatWereNotSignedAreRefused) {
    FilesTree tree(files_of(5));
    FilesOfNodes changed = files_of(5);
    changed[name_of(4)][0][0] = 'b';
    auto refusal = [&](Json own) { return problem_of(definition(tree.root(), std::move(own)), name_of(4)); };
    EXPECT_EQ(refusal(tree.own_files(name_of(4), kUrl)), "");
    EXPECT_EQ(
        refusal(FilesTree(changed).own_files(name_of(4), kUrl)),
        "own_files: the files are not those that were signed for this node (52:54:00:00:00:04); sign the "
        "release again with mangrovectl release sign");
    Json fewer = tree.own_files(name_of(4), kUrl);
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(fewer.get(), "digests"), 1);
    EXPECT_THAT(refusal(std::move(fewer)), HasSubstr("not those that were signed"));
    Json joined = tree.own_files(name_of(4), kUrl);
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(joined.get(), "path"), 0);
    EXPECT_THAT(refusal(std::move(joined)), HasSubstr("not those that were signed"));
    EXPECT_THAT(problem_of(definition("", tree.own_files(name_of(4), kUrl)), name_of(4)),
                HasSubstr("the definition pins no files of nodes"));
    EXPECT_THAT(refusal(nullptr), HasSubstr("the files of this node are missing"));
    EXPECT_THAT(refusal(tree.own_files(name_of(4), "https://head/")), HasSubstr("the URL has no {digest}"));
}

} // namespace
} // namespace mangrove::trust
