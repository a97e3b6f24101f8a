#include "mount/nfs_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace mangrove {
namespace {

struct Case {
    std::string host;
    bool ro;
    std::string version;
    std::string address;
    std::vector<std::string> options;
    std::string source;
    unsigned long flags;
    std::string data;
    std::vector<uint16_t> ports;
};

TEST(NfsOptions, AreWhatTheKernelTakes) {
    const Case table[] = {
        {"192.0.2.1",
         true,
         "4.2",
         "192.0.2.1",
         {},
         "192.0.2.1:/images",
         MS_RDONLY,
         "vers=4.2,proto=tcp,addr=192.0.2.1",
         {2049}},
        {"head",
         false,
         "4.0",
         "192.0.2.1",
         {"nconnect=4", "rsize=65536"},
         "head:/images",
         0,
         "vers=4.0,proto=tcp,addr=192.0.2.1,nconnect=4,rsize=65536",
         {2049}},
        {"head",
         true,
         "4.1",
         "2001:db8::1",
         {"noatime", "nodev", "nocto"},
         "head:/images",
         MS_RDONLY | MS_NOATIME | MS_NODEV,
         "vers=4.1,proto=tcp6,addr=2001:db8::1,nocto",
         {2049}},
        {"2001:db8::1",
         true,
         "4.2",
         "2001:db8::1",
         {"port=20490"},
         "[2001:db8::1]:/images",
         MS_RDONLY,
         "vers=4.2,proto=tcp6,addr=2001:db8::1,port=20490",
         {20490}},
        {"head",
         true,
         "3",
         "192.0.2.1",
         {},
         "head:/images",
         MS_RDONLY,
         "vers=3,proto=tcp,addr=192.0.2.1,nolock",
         {111}},
        {"head",
         true,
         "3",
         "192.0.2.1",
         {"port=20490"},
         "head:/images",
         MS_RDONLY,
         "vers=3,proto=tcp,addr=192.0.2.1,nolock,port=20490",
         {111, 20490}},
        {"head",
         true,
         "3",
         "192.0.2.1",
         {"mountport=20048"},
         "head:/images",
         MS_RDONLY,
         "vers=3,proto=tcp,addr=192.0.2.1,nolock,port=2049,mountport=20048",
         {2049}},
        {"head",
         true,
         "3",
         "192.0.2.1",
         {"mountport=20048", "port=20490"},
         "head:/images",
         MS_RDONLY,
         "vers=3,proto=tcp,addr=192.0.2.1,nolock,mountport=20048,port=20490",
         {20490}},
        {"head",
         true,
         "4.2",
         "192.0.2.1",
         {"mountport=20048"},
         "head:/images",
         MS_RDONLY,
         "vers=4.2,proto=tcp,addr=192.0.2.1,mountport=20048",
         {2049}},
    };
    for (const Case& each : table) {
        definition::MountNfs wanted = {
            .host = each.host, .path = "/images", .ro = each.ro, .version = {}, .options = each.options};
        Result<MountRequest> request = nfs_request(wanted, each.version, *IpAddress::parse(each.address));
        ASSERT_TRUE(request) << each.data;
        EXPECT_EQ(request->source, each.source) << each.data;
        EXPECT_EQ(request->type, "nfs");
        EXPECT_EQ(request->flags, each.flags) << each.data;
        EXPECT_EQ(request->options, each.data);
        EXPECT_EQ(nfs_ports(wanted, each.version), each.ports) << each.data;
    }
}

TEST(NfsOptions, AreNotCutOff) {
    definition::MountNfs wanted;
    wanted.host = "head";
    wanted.path = "/images";
    wanted.options = {"fsc="};
    wanted.options[0].append(4095 - std::string("vers=4.2,proto=tcp,addr=192.0.2.1,fsc=").size(), 'x');
    IpAddress address = *IpAddress::parse("192.0.2.1");
    EXPECT_EQ(nfs_request(wanted, "4.2", address).value().options.size(), 4095U);
    wanted.options[0] += 'x';
    Result<MountRequest> request = nfs_request(wanted, "4.2", address);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().what, "the options of head:/images are longer than 4095 bytes");
}

TEST(NfsOptions, AVersionThatIsAskedForIsTheOnlyOne) {
    definition::MountNfs wanted;
    EXPECT_EQ(nfs_versions(wanted), (std::vector<std::string>{"4.1", "4.2", "4.0", "3"}));
    wanted.version = "4.0";
    EXPECT_EQ(nfs_versions(wanted), (std::vector<std::string>{"4.0"}));
    EXPECT_EQ(nfs_module("4.0"), "nfsv4");
    EXPECT_EQ(nfs_module("3"), "nfsv3");
}

} // namespace
} // namespace mangrove
