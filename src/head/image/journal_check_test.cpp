#include "head/image/journal_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

struct JournalCheckTest : testing::Test {
    Stage work = make_test_directory();
    CollectedProgress progress;

    std::string problem() {
        Result<> checked = check_journal(work.path / "image", progress);
        return checked ? "" : checked.error().what;
    }
    std::string name() { return (work.path / "image").native(); }
};

TEST_F(JournalCheckTest, ext4) {
    shell(work.path, "mke2fs -q -t ext4 image 16M");
    EXPECT_EQ(problem(), "");
    shell(work.path, "debugfs -w -R 'feature needs_recovery' image");
    EXPECT_EQ(problem(),
              name()
                  + ": the journal of its ext4 must be replayed, which a node with a read-only image "
                    "cannot do; run e2fsck -p "
                  + name());
}

TEST_F(JournalCheckTest, btrfs) {
    shell(work.path,
          "truncate -s 1M image; printf _BHRfS_M | dd of=image bs=1 seek=65600 conv=notrunc status=none");
    EXPECT_EQ(problem(), "");
    shell(work.path, "printf 1 | dd of=image bs=1 seek=65632 conv=notrunc status=none");
    EXPECT_NE(problem().find("the journal of its Btrfs must be replayed"), std::string::npos) << problem();
}

TEST_F(JournalCheckTest, xfs) {
    if (::access("/usr/sbin/mkfs.xfs", X_OK) != 0) GTEST_SKIP() << "there is no mkfs.xfs";
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    shell(work.path, "truncate -s 400M image; mkfs.xfs -q image");
    EXPECT_EQ(problem(), "");
    shell(work.path, "mkdir m; if mount -o loop image m; then echo 1 >m/file; sync; "
                     "echo 2 >m/other; xfs_io -x -c 'shutdown -f' m; umount m; else touch unknown; fi");
    if (std::filesystem::exists(work.path / "unknown")) GTEST_SKIP() << "this kernel has no XFS";
    EXPECT_NE(problem().find("the journal of its XFS must be replayed"), std::string::npos) << problem();
}

TEST_F(JournalCheckTest, other_contents_are_nobodys_business) {
    for (const char* make : {": >image", "yes | head -c 5000 >image", "head -c 200000 /dev/zero >image"}) {
        shell(work.path, make);
        EXPECT_EQ(problem(), "") << make;
    }
}

} // namespace

} // namespace mangrove::head
