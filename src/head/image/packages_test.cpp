#include "head/image/packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class PackagesTest : public testing::Test {
  protected:
    void write(const std::string& path, const std::string& contents) {
        std::filesystem::path file = stage_.path / path;
        std::filesystem::create_directories(file.parent_path());
        ASSERT_TRUE(write_file(file, contents));
    }

    Stage stage_ = make_test_directory();
};

constexpr const char* kStatus = R"(Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u2
Description: toolkit
 Version: 9 is not its version

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1)";

TEST_F(PackagesTest, OfDpkgThatAreInstalled) {
    write("var/lib/dpkg/status", kStatus);
    Packages packages = read_packages(stage_.path);
    EXPECT_THAT(packages, ElementsAre(Pair("libc6", "2.36-9"), Pair("libc6:i386", "2.36-9"),
                                      Pair("openssl", "3.0.11-1~deb12u2"), Pair("tzdata", "2024a")));
    EXPECT_EQ(parse_packages(to_text(packages)), packages);
}

TEST_F(PackagesTest, OfRpmThatAreInstalled) {
    std::string command = text("set -e; cd ", stage_.path.native(), R"(
mkdir tree build
for version in 1.0 2.0; do
printf 'Name: sample\nVersion: %s\nRelease: 3\nSummary: s\nLicense: l\nBuildArch: noarch\n%%description\n%%files\n' $version >sample.spec
rpmbuild --quiet --define "_topdir $PWD/build" -bb sample.spec 2>/dev/null
done
rpm --root "$PWD/tree" --dbpath /var/lib/rpm --nodeps -i build/RPMS/noarch/sample-1.0-3.noarch.rpm 2>/dev/null
rpm --root "$PWD/tree" --dbpath /var/lib/rpm --nodeps -i build/RPMS/noarch/sample-2.0-3.noarch.rpm 2>/dev/null)");
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_THAT(read_packages(stage_.path / "tree"), ElementsAre(Pair("sample", "1.0-3,2.0-3")));
}

TEST_F(PackagesTest, AreNoneInWhatIsNoDatabase) {
    write("var/lib/rpm/rpmdb.sqlite", "SQLite format 3" + std::string(200, '\0'));
    write("var/lib/dpkg/status",
          std::string(3, '\0') + "Package: a\nStatus: x installed\nVersion: 1\n b\n\n");
    EXPECT_THAT(read_packages(stage_.path), IsEmpty());
    write("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\x01\n");
    EXPECT_THAT(read_packages(stage_.path), IsEmpty());
    EXPECT_THAT(read_packages(stage_.path / "nowhere"), IsEmpty());
}

TEST(PackageDifferences, NameWhatCameWentAndChanged) {
    EXPECT_THAT(
        package_differences({{"a", "1"}, {"b", "1"}, {"c", "1"}}, {{"b", "1"}, {"c", "2"}, {"d", "1"}}),
        ElementsAre("- a 1", "~ c 1 -> 2", "+ d 1"));
}

} // namespace
} // namespace mangrove::head
