#include "initramfs/archive.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

ArchiveEntries small_tree() {
    ArchiveEntries entries;
    add_entry(entries, "lib/modules/a.ko", {.contents = "module", .reason = "test"});
    add_entry(entries, "init", {.contents = "x", .permissions = 0755});
    add_entry(entries, "dev/console",
              {.kind = ArchiveEntry::Kind::character_device,
               .permissions = 0600,
               .device_major = 5,
               .device_minor = 1});
    return entries;
}

TEST(Archive, HasEachDirectoryBeforeItsContents) {
    std::vector<std::string> paths;
    ArchiveEntries entries = small_tree();
    for (const auto& [path, entry] : entries)
        paths.push_back(path);
    EXPECT_EQ(paths, (std::vector<std::string>{"dev", "dev/console", "init", "lib", "lib/modules",
                                               "lib/modules/a.ko"}));
}

TEST(Archive, IsNewcByTheByte) {
    ArchiveEntries entries;
    add_entry(entries, "init", {.contents = "x", .permissions = 0755});
    std::string archive = make_archive(entries);
    EXPECT_EQ(archive.substr(0, 120), std::string("070701"
                                                  "00000001"
                                                  "000081ED"
                                                  "00000000"
                                                  "00000000"
                                                  "00000001"
                                                  "00000000"
                                                  "00000001"
                                                  "00000000"
                                                  "00000000"
                                                  "00000000"
                                                  "00000000"
                                                  "00000005"
                                                  "00000000"
                                                  "init\0\0"
                                                  "x\0\0\0",
                                                  120));
    EXPECT_EQ(archive.size() % 4, 0u);
    EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
}

TEST(Archive, TheSameEntriesGiveTheSameBytes) {
    for (Compression compression : {Compression::zstd, Compression::gzip}) {
        std::string first = compress_archive(make_archive(small_tree()), compression).value();
        EXPECT_EQ(first, compress_archive(make_archive(small_tree()), compression).value());
        EXPECT_LT(first.size(), make_archive(small_tree()).size());
    }
}

} // namespace
} // namespace mangrove
