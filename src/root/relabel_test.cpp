#include "root/relabel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* kUnit = "/run/systemd/system/mangrove-relabel.service";

struct Relabel : testing::Test {
    Relabel() {
        system.add_file("/sysroot/etc/selinux/config",
                        "# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
        system.add_file("/sysroot/usr/sbin/restorecon", "", 0755);
        system.add_directory("/run/mangrove/layers/layer0");
        root.written = {"/etc/hostname", "/etc/dhcp/dhclient.conf"};
    }
    /// Returns the unit's command, or an empty string.
    std::string install() {
        system.remove("/run/systemd");
        Result<> installed = install_relabel_unit(system, root);
        EXPECT_TRUE(installed) << describe(installed.error());
        std::string unit = system.file(kUnit).value_or("");
        return unit.empty() ? unit : unit.substr(unit.find("ExecStart="));
    }
    Transcript transcript;
    FakeSystem system{transcript};
    Root root{.path = "/sysroot", .undo = {}};
};

TEST_F(Relabel, RestoresTheLabelsOfWhatWasWrittenBeforeAnythingStarts) {
    EXPECT_EQ(install(), "ExecStart=-/usr/sbin/restorecon -i / /etc /etc/dhcp /etc/dhcp/dhclient.conf "
                         "/etc/hostname /tmp\n");
    EXPECT_THAT(*system.file(kUnit),
                HasSubstr("\nBefore=sysinit.target local-fs-pre.target systemd-journald"));
    EXPECT_EQ(system.read_link("/run/systemd/system/sysinit.target.wants/mangrove-relabel.service").value(),
              "../mangrove-relabel.service");
}

TEST_F(Relabel, RestoresThoseOfArchivesOnTopOfTheImage) {
    system.add_file("/run/mangrove/layers/uri0/tree/etc/marker", "");
    system.add_file("/run/mangrove/layers/uri1/tree/etc/selinux/config", "");
    system.add_file("/run/mangrove/layers/uri2/file", "an image");
    EXPECT_THAT(install(),
                EndsWith("/tmp\nExecStart=-/bin/sh -c \"find /run/mangrove/layers/uri0/tree -mindepth 1 "
                         "-printf '/%%P\\\\0' | /usr/sbin/restorecon -i -0 -f -\"\n"));
}

TEST_F(Relabel, DoesNothingWhereTheImageHasNoPolicy) {
    system.add_file("/sysroot/etc/selinux/config", "SELINUX=disabled\n");
    EXPECT_EQ(install(), "");
    system.remove("/sysroot/etc/selinux");
    EXPECT_EQ(install(), "");
}

TEST_F(Relabel, NeedsTheProgramOfTheImage) {
    system.remove("/sysroot/usr/sbin");
    EXPECT_EQ(install_relabel_unit(system, root).error().what,
              "the image has an SELinux policy, but no restorecon; install policycoreutils in it");
}

} // namespace
} // namespace mangrove
