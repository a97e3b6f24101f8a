#include "source/root_path.h"

#include <gtest/gtest.h>

#include "definition/parse.h"

namespace mangrove {
namespace {

Lease lease_with(std::string root_path) {
    Lease lease;
    lease.address = *IpAddress::parse("192.0.2.10");
    lease.server = *IpAddress::parse("192.0.2.1");
    lease.root_path = std::move(root_path);
    return lease;
}

std::string iscsi(const std::string& members) {
    return R"({"name":"iqn.2003-01.org.example:a","mount":{"kind":"overlay","overlay":{"lower":[)"
           R"({"kind":"attach","attach":{"mount_options":["ro"],"attach":{"kind":"iscsi","iscsi":)"
           R"({"target":"iqn.2003-01.org.example:a",)"
           + members + "}}}}]}}}";
}

std::string nfs(const std::string& host, const std::string& path, const std::string& members = "") {
    return R"({"name":")" + host + ":" + path + R"(","mount":{"kind":"overlay","overlay":{"lower":[)"
           + R"({"kind":"nfs","nfs":{"host":")" + host + R"(","path":")" + path + R"(","ro":true)" + members
           + "}}]}}}";
}

struct Row {
    std::string root_path;
    std::string definition;
};

TEST(RootPath, IsADefinitionInOtherWords) {
    const std::string name = "iqn.2003-01.org.example:a";
    for (const Row& row : std::vector<Row>{
             {"iscsi:192.0.2.9::::" + name, iscsi(R"("host":"192.0.2.9","lun":0)")},
             {"iscsi:192.0.2.9:6:3261:1:" + name, iscsi(R"("host":"192.0.2.9","port":3261,"lun":1)")},
             {"iscsi:head:6::a:" + name, iscsi(R"("host":"head","lun":10)")},
             {"iscsi:[fd00::9]:6:3260:1:" + name, iscsi(R"("host":"fd00::9","port":3260,"lun":1)")},
             {"iscsi:head:::4101:" + name, iscsi(R"("host":"head","lun":257)")},
             {"iscsi:head:::0001-0000-0000-0000:" + name, iscsi(R"("host":"head","lun":1)")},
             {"iscsi:::::" + name, iscsi(R"("host":"192.0.2.1","lun":0)")},
             {"iscsi:node:p@ss@head::::" + name,
              iscsi(R"("host":"head","lun":0,"chap":{"username":"node","password":"p@ss"})")},
             {"iscsi:node:pass:target:word@[fd00::9]:6:3260:1:" + name,
              iscsi(R"("host":"fd00::9","port":3260,"lun":1,"chap":{"username":"node","password":"pass",)"
                    R"("username_in":"target","password_in":"word"})")},
             {"iscsi:@head::::" + name, iscsi(R"("host":"head","lun":0)")},
             {"iscsi:head::3260:default:eth0:1:" + name, iscsi(R"("host":"head","port":3260,"lun":1)")},
             {"nfs:192.0.2.9:/srv/root", nfs("192.0.2.9", "/srv/root")},
             {"nfs4:head:/srv/root:vers=4.2,nconnect=4,ro",
              nfs("head", "/srv/root", R"(,"options":["nconnect=4"],"version":"4.2")")},
             {"[fd00::9]:/srv/root,nfsvers=3,rw,nolock",
              nfs("fd00::9", "/srv/root", R"(,"options":["nolock"],"version":"3")")},
             {"head:/srv/root,vers=4", nfs("head", "/srv/root", R"(,"options":[])")},
             {" /srv/%s/root ", nfs("192.0.2.1", "/srv/192.0.2.10/root")},
         }) {
        Result<std::string> definition = definition_from_root_path(lease_with(row.root_path));
        ASSERT_TRUE(definition) << row.root_path << ": " << definition.error().what;
        EXPECT_EQ(*definition, row.definition) << row.root_path;
        Result<definition::Definition> parsed = definition::parse_definition(*definition);
        EXPECT_TRUE(parsed) << row.root_path << ": " << describe(parsed.error());
    }
}

TEST(RootPath, TakesFromTheLeaseWhatItLeavesOut) {
    Lease lease = lease_with("nfs:/srv/%s");
    lease.next_server = *IpAddress::parse("192.0.2.2");
    lease.host_name = "node7";
    EXPECT_EQ(definition_from_root_path(lease), nfs("192.0.2.2", "/srv/node7"));
}

TEST(RootPath, IsRefusedWithWhatIsWrongAndWithoutThePassword) {
    const std::string form = "it is neither iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET nor nfs:SERVER:/PATH";
    for (const Row& row : std::vector<Row>{
             {"srv/root", form},
             {"nfs:", form},
             {":/srv/root", form},
             {"[fd00::9/srv/root", form},
             {"http://head/root", form},
             {"iscsi:", "no target in it begins with iqn., eui. or naa."},
             {"iscsi:head::::disk", "no target in it begins with iqn., eui. or naa."},
             {"iscsi:iqn.2003-01.org.example:a", "no target in it begins with iqn., eui. or naa."},
             {"iscsi:head:iqn.2003-01.org.example:a",
              "it is not of the form iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET (RFC 4173)"},
             {"iscsi:head::3260:iqn.2003-01.org.example:a",
              "between the server and the target there are not PROTOCOL:PORT:LUN"},
             {"iscsi:head:17:::iqn.2003-01.org.example:a", "the protocol '17' is not 6 (TCP)"},
             {"iscsi:head::0::iqn.2003-01.org.example:a", "the port '0' is not a number from 1 to 65535"},
             {"iscsi:head::x::iqn.2003-01.org.example:a", "the port 'x' is not a number from 1 to 65535"},
             {"iscsi:head:::x:iqn.2003-01.org.example:a",
              "the LUN 'x' is not of the form 1 or 0001-0000-0000-0000"},
             {"iscsi:head:::1-2-3-4-5:iqn.2003-01.org.example:a",
              "the LUN '1-2-3-4-5' is not of the form 1 or 0001-0000-0000-0000"},
             {"iscsi:head:::4752-3A4F-6b7e-2F99:iqn.2003-01.org.example:a",
              "the LUN '4752-3A4F-6b7e-2F99' is none that is addressed by a number alone"},
             {"iscsi:head:::C101:iqn.2003-01.org.example:a",
              "the LUN 'C101' is none that is addressed by a number alone"},
             {"//head/root", form},
             {"iscsi:secret@head::::iqn.2003-01.org.example:a",
              "before the @ there is neither USER:PASSWORD nor USER:PASSWORD:USER:PASSWORD"},
             {"iscsi:a:secret:b@head::::iqn.2003-01.org.example:a",
              "before the @ there is neither USER:PASSWORD nor USER:PASSWORD:USER:PASSWORD"},
         }) {
        Result<std::string> definition = definition_from_root_path(lease_with(row.root_path));
        ASSERT_FALSE(definition) << row.root_path << ": " << *definition;
        EXPECT_EQ(definition.error().what, row.definition) << row.root_path;
    }
}

} // namespace
} // namespace mangrove
