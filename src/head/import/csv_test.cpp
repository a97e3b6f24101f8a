#include <gmock/gmock.h>

#include "head/import/csv_table.h"
#include "head/import/testing/imported.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

Result<Imported> read(const std::string& contents) {
    return import_csv(contents, "nodes.csv");
}

std::string cells(std::string_view contents) {
    Result<std::vector<CsvRow>> rows = parse_csv(contents, ',', "x.csv");
    if (!rows) return rows.error().what;
    std::string lines;
    for (const CsvRow& row : *rows)
        lines += text(row.line, "(", join(row.cells, ")("), ")\n");
    return lines;
}

TEST(CsvTable, QuotesAndEndsOfLines) {
    EXPECT_EQ(cells("a,b\r\n\"x, y\",\"he said \"\"no\"\"\"\n\n \"p\" , q \n\"two\nlines\",z\nlast,"),
              "1(a)(b)\n2(x, y)(he said \"no\")\n4(p)(q)\n5(two\nlines)(z)\n7(last)()\n");
    EXPECT_EQ(cells("a\n\"open\nb\n"), "x.csv:2: a quoted field does not end; add the '\"' behind it");
    EXPECT_EQ(cells("\"a\"b\n"),
              "x.csv:1: text after the closing quote of a field; write \"\" for a quote in it");
    EXPECT_EQ(cells(""), "");
}

TEST(ImportCsv, TakesTheHeadersOfSpreadsheets) {
    Result<Imported> imported =
        read("\xef\xbb\xbfHostname,MAC Address,Groups,IP,Netmask,MTU,BMC_Address,values.rack,uuid\r\n"
             "n1,5254.0012.3401,\"compute, gpu\",10.0.0.1,255.255.255.0,9000,10.1.0.1,07,\r\n"
             "# n3,52:54:00:12:34:03,,,,,,,\r\n"
             "n2,52-54-00-12-34-02 52-54-00-12-34-12,compute,10.0.0.2,,,,12,"
             "F2C626B72C0F41B488B82EDF5CD49A54\r\n");
    EXPECT_EQ(objects_of(imported),
              "node n1 {\"macs\":[\"52:54:00:12:34:01\"],\"groups\":[\"compute\",\"gpu\"],\"interfaces\":"
              "{\"default\":{\"address\":\"10.0.0.1\",\"netmask\":\"255.255.255.0\",\"mtu\":9000}},"
              "\"bmc\":{\"address\":\"10.1.0.1\"},\"values\":{\"rack\":\"07\"}}\n"
              "node n2 {\"macs\":[\"52:54:00:12:34:02\",\"52:54:00:12:34:12\"],\"groups\":[\"compute\"],"
              "\"interfaces\":{\"default\":{\"address\":\"10.0.0.2\"}},\"values\":{\"rack\":12},"
              "\"uuid\":\"f2c626b7-2c0f-41b4-88b8-2edf5cd49a54\"}\n");
    EXPECT_THAT(imported->named_groups, ElementsAre("compute", "gpu"));
    EXPECT_THAT(imported->ignored, IsEmpty());
}

TEST(ImportCsv, SemicolonsAndTabsAreSaid) {
    EXPECT_EQ(ignored_of(read("name;mac\nn1;52:54:00:12:34:01\n")),
              "nodes.csv:1: fields are taken as separated by ';'");
    EXPECT_EQ(objects_of(read("name\tvalues.note\nn1\ta, b\n")),
              "node n1 {\"values\":{\"note\":\"a, b\"}}\n");
}

TEST(ImportCsv, TypesAreTheFields) {
    EXPECT_EQ(
        objects_of(read("name,interfaces.ib0.primary,interfaces.ib0.mtu,values.a,values.b.c\n"
                        "n1,yes,4092,true,0x1F\n")),
        "node n1 {\"interfaces\":{\"ib0\":{\"primary\":true,\"mtu\":4092}},\"values\":{\"a\":true,\"b\":"
        "{\"c\":\"0x1F\"}}}\n");
    EXPECT_THAT(error_of(read("name,mtu\nn1,large\n")),
                HasSubstr("nodes.csv:2: node n1: interfaces.default.mtu"));
}

TEST(ImportCsv, ErrorsNameTheLine) {
    EXPECT_EQ(error_of(read("")), "nodes.csv:1: no header; the first line names the fields of a node");
    EXPECT_EQ(error_of(read("mac\n52:54:00:12:34:01\n")),
              "nodes.csv:1: no column 'name'; the first line names the fields of a node");
    EXPECT_THAT(error_of(read("name,colour\nn1,red\n")), HasSubstr("values.colour keeps any other column"));
    EXPECT_THAT(error_of(read("name,mac,MAC\nn1,,\n")), HasSubstr("nodes.csv:1: two columns are macs"));
    EXPECT_EQ(error_of(read("name,mac\n,52:54:00:12:34:01\n")), "nodes.csv:2: the node has no name");
    EXPECT_EQ(error_of(read("name\nn1\n\nn1\n")), "nodes.csv:4: node n1 is there twice");
    EXPECT_EQ(error_of(read("name\nn1,x\n")), "nodes.csv:2: 'x' is in a column without a name");
    EXPECT_THAT(error_of(read("name,mac\nn1,52:54:00\n")),
                HasSubstr("nodes.csv:2: node n1: macs[0]: expected a MAC"));
    EXPECT_THAT(error_of(read("name\nn 1\n")), HasSubstr("nodes.csv:2: invalid node name"));
    EXPECT_THAT(error_of(read("name,values.a,values.a.b\nn1,1,2\n")), HasSubstr("are one field"));
    EXPECT_THAT(error_of(read("name,bmc\nn1,1\n")), "no error");
    EXPECT_THAT(error_of(read("name,interfaces.eth0\nn1,1\n")), HasSubstr("names several fields"));
    EXPECT_THAT(error_of(read("name,group\nn1,~\n")), HasSubstr("group"));
}

TEST(ImportCsv, TrailingCommas) {
    EXPECT_EQ(objects_of(read("name,,\nn1,,\nn2,,,,\n")), "node n1 {}\nnode n2 {}\n");
}

} // namespace
