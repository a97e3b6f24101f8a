#include <cstdlib>

#include "base/text.h"
#include "head/host/testing/full_tree.h"
#include "head/image/boot_profile.h"

using namespace mangrove;
using namespace mangrove::head;

namespace fs = std::filesystem;

/// A tree whose links lead out of it.
static const fs::path& tree() {
    static Stage stage = make_test_directory();
    static const fs::path made = [] {
        fs::path root = stage.path / "tree";
        fs::create_directories(root / "usr/bin");
        (void)write_file(root / "usr/bin/a b", "a");
        (void)write_file(root / "usr/bin/sh", "s");
        (void)write_file(stage.path / "outside", "o");
        fs::create_symlink("../..", root / "usr/out");
        fs::create_symlink("/usr/bin", root / "bin");
        fs::create_symlink("../outside", root / "o");
        return root;
    }();
    return made;
}

/// A profile that is accepted has one text, and no line of a list is about a file outside of the tree.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string input(reinterpret_cast<const char*>(data), size);
    Result<BootProfile> profile = parse_profile(input);
    if (!profile) return 0;
    std::string text = to_text(*profile);
    Result<BootProfile> again = parse_profile(text);
    if (!again || to_text(*again) != text) std::abort();
    Result<BootProfile> merged = merge_profiles({*profile, *again});
    if (!merged || merged->files.size() != profile->files.size()) std::abort();
    Result<std::string> list = sort_list(*profile, tree());
    if (!list) std::abort();
    for (const std::string& line : split(*list, '\n')) {
        bool is_inside = line.starts_with("usr/bin/sh ") || line.starts_with("usr/bin/a\\ b ");
        if (!line.empty() && !is_inside) std::abort();
    }
    return 0;
}
