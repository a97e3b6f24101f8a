#include "system/linux/udev_links.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

TEST(UdevLinks, KnowsWhatUdevHasWrittenAndTellsOfIt) {
    std::string database = testing::TempDir() + "udev-data-XXXXXX";
    ASSERT_NE(::mkdtemp(database.data()), nullptr);
    Result<UdevLinks> links = UdevLinks::watch(database);
    ASSERT_TRUE(links) << links.error().what;
    EXPECT_FALSE(*links->drain());
    std::ofstream(database + "/.#n2") << "I:1\n";
    EXPECT_FALSE(*links->drain());
    EXPECT_FALSE(links->has_finished(2));
    std::filesystem::rename(database + "/.#n2", database + "/n2");
    EXPECT_TRUE(*links->drain());
    EXPECT_FALSE(*links->drain());
    EXPECT_TRUE(links->has_finished(2));
    EXPECT_FALSE(links->has_finished(3));
    std::filesystem::remove_all(database);
}

TEST(UdevLinks, NamesTheDatabaseThatIsNotThere) {
    Result<UdevLinks> links = UdevLinks::watch("/no/such/database");
    ASSERT_FALSE(links);
    EXPECT_EQ(links.error().what,
              "watching the database of udev, /no/such/database: No such file or directory");
}

} // namespace
} // namespace mangrove
