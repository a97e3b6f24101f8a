#include <gmock/gmock.h>

#include "head/import/testing/imported.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Result<Imported> read(const std::string& contents) {
    return import_genders(contents, "genders");
}

TEST(ImportGenders, AttributesAreGroupsAndValues) {
    Result<Imported> imported = read("# comment\r\n"
                                     "slci,slc[0-1]  \t eth2=e%n,cluster=slc,all_nodes # here, too\r\n"
                                     "\r\n"
                                     "slc[1-2] compute,ratio=100%%\r\n"
                                     "bare\r\n");
    EXPECT_EQ(objects_of(imported),
              "node slc0 {\"values\":{\"eth2\":\"eslc0\",\"cluster\":\"slc\"},\"groups\":[\"all_nodes\"]}\n"
              "node slc1 {\"values\":{\"eth2\":\"eslc1\",\"cluster\":\"slc\",\"ratio\":\"100%\"},\"groups\":"
              "[\"all_nodes\",\"compute\"]}\n"
              "node slci {\"values\":{\"eth2\":\"eslci\",\"cluster\":\"slc\"},\"groups\":[\"all_nodes\"]}\n"
              "node slc2 {\"groups\":[\"compute\"],\"values\":{\"ratio\":\"100%\"}}\n"
              "node bare {}\n");
    EXPECT_THAT(imported->named_groups, ElementsAre("all_nodes", "compute"));
}

TEST(ImportGenders, ErrorsNameTheLine) {
    EXPECT_EQ(error_of(read("n1 a=1\nn1 a=2\n")), "genders:2: node n1 has the attribute 'a' twice");
    EXPECT_THAT(error_of(read("n1 a, b\n")), HasSubstr("genders:1: a blank between attributes"));
    EXPECT_THAT(error_of(read("\nn[1 a\n")), HasSubstr("genders:2: 'n[1'"));
    EXPECT_THAT(error_of(read("n1 =x\n")), HasSubstr("genders:1: an attribute has no name"));
    EXPECT_THAT(error_of(read("n1 a::b\n")), HasSubstr("genders:1: node n1: groups[0]: invalid group name"));
    EXPECT_THAT(error_of(read("@x a\n")), HasSubstr("is no node"));
}

} // namespace
