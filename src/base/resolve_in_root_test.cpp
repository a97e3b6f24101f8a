#include "base/resolve_in_root.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

namespace mangrove {

namespace {

namespace fs = std::filesystem;

TEST(ResolveInRoot, links_stay_in_the_tree) {
    std::string name = (fs::temp_directory_path() / "mangrove-root-XXXXXX").native();
    ASSERT_TRUE(::mkdtemp(name.data()));
    fs::path root = fs::canonical(name);
    fs::create_directories(root / "usr/lib");
    fs::create_directories(root / "etc/passwd");
    fs::create_symlink("usr/lib", root / "lib");
    fs::create_symlink("/usr/lib", root / "absolute");
    fs::create_symlink("../../../../etc/passwd", root / "usr/lib/up");
    fs::create_symlink("/etc/shadow", root / "usr/lib/missing");
    for (const auto& [path, expected] :
         std::vector<std::pair<std::string, std::string>>{{"lib", "usr/lib"},
                                                          {"/absolute", "usr/lib"},
                                                          {"absolute/up", "etc/passwd"},
                                                          {"../../etc", "etc"}})
        EXPECT_EQ(resolve_in_root(name, path).value_or("nothing"), root / expected) << path;
    EXPECT_EQ(resolve_in_root(name, "lib/missing").error().code, ENOENT);
    EXPECT_EQ(resolve_in_root(root / "not-there", "lib").error().code, ENOENT);
    fs::remove_all(root);
}

TEST(ResolveInRoot, does_not_mind_what_is_renamed_meanwhile) {
    std::string name = (fs::temp_directory_path() / "mangrove-root-XXXXXX").native();
    ASSERT_TRUE(::mkdtemp(name.data()));
    fs::path root = fs::canonical(name);
    fs::create_directories(root / "usr/lib");
    std::jthread renaming([&root](const std::stop_token& end) {
        fs::create_directory(root / "a");
        while (!end.stop_requested()) {
            fs::rename(root / "a", root / "b");
            fs::rename(root / "b", root / "a");
        }
    });
    std::string path = "usr/lib";
    for (int i = 0; i < 300; ++i)
        path += "/../lib";
    for (int i = 0; i < 2000; ++i) {
        Result<std::string> found = resolve_in_root(name, path);
        ASSERT_TRUE(found) << found.error().what;
        EXPECT_EQ(*found, root / "usr/lib");
    }
    renaming = {};
    fs::remove_all(root);
}

} // namespace

} // namespace mangrove
