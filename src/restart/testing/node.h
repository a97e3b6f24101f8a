#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/sha256.h"
#include "machine/run_files.h"
#include "restart/plan.h"
#include "restart/soft.h"
#include "root/probation.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"

namespace mangrove {

inline constexpr const char* kDefinitionUrl = "https://192.0.2.1/n/definition?node=n001&release=r-2";

inline std::string digest_of(const std::string& contents) {
    Sha256 digest;
    digest.add(as_bytes(contents));
    return digest.finish();
}

inline const std::string kPlan =
    text(R"({"definition":")", kDefinitionUrl, R"(","kernel":{"url":"http://192.0.2.1/blob/k","sha256":")",
         digest_of("the kernel"), R"(","version":"6.12.43-amd64 (builder@host) #1 SMP Debian 6.12.43-1"},)",
         R"("initramfs":[{"url":"http://192.0.2.1/blob/c","sha256":")", digest_of("certs"),
         R"("},{"url":"http://192.0.2.1/blob/i","sha256":")", digest_of("initramfs"),
         R"("}],"arguments":["mangrove.definition=x","quiet","panic=30"]})");

/// Of a release whose image is on a disk.
inline constexpr const char* kDefinition =
    R"({"name":"next","release":"r-2","hostname":"n001",)"
    R"("report":{"url":"https://192.0.2.1/n/report"},"health":{"url":"https://192.0.2.1/n/health"},)"
    R"("mount":{"kind":"overlay","overlay":{"lower":[)"
    R"({"kind":"attach","attach":{"attach":{"kind":"local","local":{"label":"next"}}}}]}}})";

/// A node that mangrove-head has booted with the release r-1, and a disk with the image of the next one.
struct RunningNode {
    RunningNode() {
        system.use(downloads);
        network.add_card("eth0", *MacAddress::parse("52:54:00:12:34:56"));
        network.add_address_before("eth0", {.address = *IpAddress::parse("192.0.2.10"), .prefix_length = 24});
        static_cast<void>(network.set_link_state(network.links().value().at(0), LinkState::up).has_value());
        add_kernel();
        add_root();
        system.add_disk("/dev/sdb", {"squashfs", "next", ""},
                        {{"/dev/", ""},
                         {"/proc/", ""},
                         {"/sys/", ""},
                         {"/run/", ""},
                         {"/tmp/", ""},
                         {"/usr/lib/systemd/systemd*", ""},
                         {"/sbin/init@", "/usr/lib/systemd/systemd"}});
        downloads.serve(kDefinitionUrl, {.body = kDefinition});
        set_log_sink([](LogLevel, std::string_view) {});
    }
    ~RunningNode() { set_log_sink({}); }

    EndedProgram run(const std::vector<std::string>& words) {
        programs.push_back(join(words, " "));
        if (programs.back() == "systemctl --version") return {.output = systemd};
        if (programs.back() == refused_program) return {.status = 1, .output = "Access denied\n"};
        return {};
    }
    Run runner() {
        return [this](const std::vector<std::string>& words) { return run(words); };
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakeDownloads downloads{transcript};
    std::string systemd = "systemd 257 (257.7-1)\n+PAM\n";
    std::string refused_program = {};
    std::vector<std::string> programs = {}; ///< that were run

  private:
    void add_kernel() {
        system.add_file("/proc/cmdline",
                        "mangrove.definition=https://192.0.2.1/n/definition?node=n001&release=r-1 quiet "
                        "panic=30 BOOTIF=01-52-54-00-12-34-56\n");
        system.add_file("/proc/sys/kernel/osrelease", "6.12.43-amd64\n");
        system.add_file("/proc/sys/kernel/version", "#1 SMP Debian 6.12.43-1\n");
        system.add_file("/proc/sys/kernel/hostname", "n001\n");
        system.add_file("/proc/sys/kernel/random/boot_id", "of-the-kernel\n");
        system.add_file("/proc/17/comm", "mangrove-keeper\n");
        system.add_file("/proc/17/status",
                        "Name:\tmangrove-keeper\nState:\tS (sleeping)\nUid:\t0\t0\t0\t0\n");
        system.add_file("/proc/self/exe", "the program");
    }
    /// The fake has the mounts of both roots from the beginning.
    void add_root() {
        system.add_file("/proc/self/mountinfo",
                        "22 1 0:30 / / rw - overlay overlay rw\n"
                        "23 22 8:0 / /run/mangrove/layers/layer0 ro - squashfs /dev/sda ro\n"
                        "24 22 0:31 / /run/mangrove/layers/upper0 rw - tmpfs mangrove rw\n");
        for (const char* directory : {"layer0", "upper0"})
            system.add_directory(text(kLayersDirectory, "/", directory));
        system.add_file(kReportPath, R"({"release":"r-1"})");
        system.add_file(kReportPosted, "");
        system.add_file(kProbationState, "passed\n");
        system.add_file(kHealthSettings, "settings of r-1", 0600);
        system.add_file(kServerAuthorities, "certificates");
        system.add_file("/run/systemd/system/mangrove-health.service", "of r-1");
        system.add_link("/run/systemd/system/multi-user.target.wants/mangrove-health.service",
                        "../mangrove-health.service");
        system.add_file("/run/initramfs/shutdown", "the program");
        system.add_link(kProgramLink, "/run/initramfs/shutdown");
        system.add_file("/run/mangrove/keeper/0.json", R"({"name":"disk","process":17})");
    }
};

} // namespace mangrove
