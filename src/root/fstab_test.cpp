#include "root/fstab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Of a node that has one disk and no others.
AdaptedFstab adapt(const std::string& fstab) {
    return adapt_fstab(fstab, [](const std::string& source) { return source == "/dev/sda1"; });
}

TEST(Fstab, TheLineOfTheRootBecomesAComment) {
    EXPECT_EQ(adapt("# / is here\n/dev/sda1\t/\text4\n/dev/sda1 /home ext4\n").text,
              "# / is here\n#mangrove# /dev/sda1\t/\text4\n/dev/sda1 /home ext4\n");
    EXPECT_EQ(adapt("").text, "");
    EXPECT_EQ(adapt("/dev/sda1 / ext4").text, "#mangrove# /dev/sda1 / ext4");
}

TEST(Fstab, TheLineOfARootThatIsMountedAgainStays) {
    auto kept = [](const std::string& fstab) {
        return adapt_fstab(
                   fstab, [](const std::string& source) { return source == "/dev/sda1"; }, true)
            .text;
    };
    EXPECT_EQ(kept("/dev/sda1 / ext4 noatime\n"), "/dev/sda1 / ext4 noatime\n");
    EXPECT_EQ(kept("UUID=9 / ext4\n"), "#mangrove# UUID=9 / ext4\n");
}

TEST(Fstab, LinesForDevicesThatAreMissingBecomeOptional) {
    struct Row {
        std::string line, adapted, missing;
    };
    const Row rows[] = {
        {"UUID=1-2 /boot xfs defaults 0 2",
         "UUID=1-2 /boot xfs defaults,nofail,x-systemd.device-timeout=10s 0 2", "UUID=1-2 for /boot"},
        {"LABEL=EFI\t/boot/efi\tvfat\tumask=0077,shortname=winnt\t0 2",
         "LABEL=EFI\t/boot/efi\tvfat\tumask=0077,shortname=winnt,nofail,x-systemd.device-timeout=10s\t0 2",
         "LABEL=EFI for /boot/efi"},
        {"/dev/mapper/vg-home /home ext4 defaults,x-systemd.device-timeout=3 1 2",
         "/dev/mapper/vg-home /home ext4 defaults,x-systemd.device-timeout=3,nofail 1 2",
         "/dev/mapper/vg-home for /home"},
        {"UUID=\"3\" none swap sw 0 0", "UUID=\"3\" none swap sw,nofail,x-systemd.device-timeout=10s 0 0",
         "UUID=\"3\" for swap"},
        {"  PARTUUID=4 /data ext4", "  PARTUUID=4 /data ext4\tnofail,x-systemd.device-timeout=10s",
         "PARTUUID=4 for /data"},
        {"/swap.img none swap sw 0 0", "#mangrove# /swap.img none swap sw 0 0", "/swap.img for swap"},
    };
    for (const Row& row : rows) {
        AdaptedFstab adapted = adapt(row.line + "\n");
        EXPECT_EQ(adapted.text, row.adapted + "\n");
        EXPECT_THAT(adapted.missing, ElementsAre(row.missing));
    }
}

TEST(Fstab, WhatIsBoundFromAMountThatIsMissingBecomesOptional) {
    AdaptedFstab adapted =
        adapt("UUID=1 /data ext4\n/data/home /home none bind 0 0\n/data2 /x none bind 0 0\n");
    EXPECT_EQ(adapted.text, "UUID=1 /data ext4\tnofail,x-systemd.device-timeout=10s\n"
                            "/data/home /home none bind,nofail 0 0\n/data2 /x none bind 0 0\n");
    EXPECT_THAT(adapted.missing, ElementsAre("UUID=1 for /data", "/data/home for /home"));
}

TEST(Fstab, AllOtherLinesStayAsTheyAre) {
    const std::string lines = "#UUID=1 /boot xfs defaults\n"
                              "\n"
                              "/dev/sda1 /scratch ext4 defaults 0 2\n"
                              "head:/home /home nfs4 rw,hard 0 0\n"
                              "//head/share /srv cifs credentials=/etc/key 0 0\n"
                              "10.0.0.1:6789:/ /ceph ceph name=x 0 0\n"
                              "tmpfs /tmp tmpfs size=1G 0 0\n"
                              "/usr/share /mnt none bind\n"
                              "UUID=1 /a ext4 nofail 0 0\n"
                              "UUID=1 /b ext4 rw,noauto 0 0\n"
                              "UUID=1 /c ext4 _netdev 0 0\n"
                              "UUID=1 /d ext4 x-systemd.automount 0 0\n"
                              "UUID=1 /incomplete\n"
                              "no newline at the end";
    AdaptedFstab adapted = adapt(lines);
    EXPECT_EQ(adapted.text, lines);
    EXPECT_THAT(adapted.missing, IsEmpty());
}

} // namespace
} // namespace mangrove
