#include "keeper/reads.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "keeper/kernel_errors.h"
#include "machine/run_files.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kState = "/run/mangrove/keeper/storage0.json";
constexpr const char* kSquashfsError = "<3>[ 3700.123456] SQUASHFS error: Failed to read block 0x5f3: -5";

/// A machine with a disk that can be away, break or change.
struct Machine : FakeSystem {
    using FakeSystem::FakeSystem;

    Result<std::string> read_part(const std::string& path, uint64_t offset, size_t count) override {
        EXPECT_EQ(offset % count, 0U);
        for (Time begin = now(); is_away(path) && now() < begin + std::chrono::hours(24);)
            sleep(seconds(1));
        if (is_broken()) return system_error(EBADE, "reading the disk");
        return is_changed() ? "other" : "page";
    }

    std::function<bool()> is_broken = [] { return false; };
    std::function<bool()> is_changed = [] { return false; };
};

struct ReadsTest : testing::Test {
    ReadsTest() {
        system.add_directory(kKeeperDirectory);
        system.add_directory("/proc/1/root/run/mangrove/mount0");
        system.add_disk("/proc/1/root/dev/sda", {});
        system.add_file("/proc/cmdline", "mangrove.definition=dhcp");
        system.add_file("/sys/class/block/sda/size", "8000\n");
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~ReadsTest() override { set_log_sink({}); }
    std::function<bool()> after(seconds time) {
        return [this, then = system.now() + time] { return system.now() >= then; };
    }
    std::string watch(seconds duration) {
        watch_reads(system, storage, kState, system.now() + duration);
        return system.file(kState).value_or("");
    }

    Transcript transcript;
    Machine system{transcript};
    std::function<bool()>& is_broken = system.is_broken;
    std::function<bool()>& is_changed = system.is_changed;
    Storage storage = {"/dev/sda", "/dev/sda", true};
    std::vector<std::string> log;
};

TEST_F(ReadsTest, OfAGoodDiskAreReadable) {
    EXPECT_THAT(watch(seconds(3600)), HasSubstr(R"({"name":"/dev/sda","state":"readable","since":3600,)"));
    EXPECT_THAT(log, IsEmpty());
    EXPECT_FALSE(system.ended());
}

TEST_F(ReadsTest, ThatFailAreSaidWithinAMinute) {
    is_broken = after(seconds(100));
    EXPECT_THAT(watch(seconds(140)),
                HasSubstr(R"("state":"failing","since":3700,"answered":3740,"reason":"reading the disk: )"));
    EXPECT_THAT(log, ElementsAre(testing::AllOf(
                         HasSubstr("the root's /dev/sda is bad: reading the disk: "),
                         HasSubstr("reservation conflict, another initiator has reserved the disk"))));
}

TEST_F(ReadsTest, GoOnWhenTheyAreGoodAgain) {
    is_broken = [bad = after(seconds(100)), good = after(seconds(2000))] { return bad() && !good(); };
    EXPECT_THAT(watch(seconds(3000)), HasSubstr(R"("state":"readable")"));
    EXPECT_EQ(log.back(), "the root's /dev/sda is good again");
    EXPECT_FALSE(system.ended()) << "nothing that runs has met with it";
}

TEST_F(ReadsTest, ThatFailForMinutesEndTheMachineWhenItsFileSystemFails) {
    system.add_kernel_message(kSquashfsError);
    is_broken = after(seconds(100));
    Time begin = system.now();
    watch(seconds(3600));
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
    EXPECT_THAT(std::chrono::floor<seconds>(system.now() - begin - seconds(100)).count(),
                testing::AllOf(testing::Ge(300), testing::Le(400)));
    EXPECT_THAT(log.back(), HasSubstr("restarting the machine"));
}

TEST_F(ReadsTest, EndTheMachineAsTheCommandLineSays) {
    system.add_kernel_message(kSquashfsError);
    is_changed = after(seconds(100));
    system.add_file("/proc/cmdline", "mangrove.on_failure=halt");
    watch(seconds(3600));
    EXPECT_FALSE(system.ended());
    EXPECT_THAT(log.back(), HasSubstr("continuing (mangrove.on_failure=)"));
    system.add_file("/proc/cmdline", "mangrove.on_failure=poweroff");
    is_broken = [] { return true; };
    watch(seconds(3600));
    EXPECT_FALSE(system.ended()) << "the file system failed before the reads did";
    system.add_kernel_message("<3>[10900.000000] SQUASHFS error: zlib decompression failed");
    watch(seconds(3600));
    EXPECT_EQ(system.ended(), MachineEnd::poweroff);
}

TEST_F(ReadsTest, NeverEndAMachineWhoseServerIsAway) {
    system.add_kernel_message(kSquashfsError);
    system.is_away = [away = after(seconds(100)), back = after(seconds(7200))](const std::string&) {
        return away() && !back();
    };
    EXPECT_THAT(watch(seconds(9000)), HasSubstr(R"("state":"readable")"));
    EXPECT_FALSE(system.ended());
}

TEST_F(ReadsTest, NeverEndAMachineWhoseConnectionIsBeingRepaired) {
    system.add_kernel_message(kSquashfsError);
    is_broken = after(seconds(100));
    system.add_file("/run/mangrove/keeper/0.json", R"({"name":"disk","state":"lost"})");
    EXPECT_THAT(watch(seconds(3600)), HasSubstr(R"("state":"failing")"));
    EXPECT_FALSE(system.ended());
}

TEST_F(ReadsTest, NoticeAnImageThatWasChanged) {
    is_changed = after(seconds(100));
    EXPECT_THAT(watch(seconds(160)), HasSubstr("has changed since boot; the image was "
                                               "changed on its server"));
    EXPECT_THAT(log, ElementsAre(HasSubstr("the root's /dev/sda is bad: the data at byte ")));
    storage.is_read_only = false;
    log.clear();
    EXPECT_THAT(watch(seconds(600)), HasSubstr(R"("state":"readable")"));
    EXPECT_THAT(log, IsEmpty());
}

TEST_F(ReadsTest, OfAnExportAskItsServer) {
    storage = {"192.0.2.1:/root", "/run/mangrove/mount0"};
    EXPECT_THAT(watch(seconds(100)), HasSubstr(R"({"name":"192.0.2.1:/root","state":"readable")"));
    system.remove("/proc/1/root/run/mangrove/mount0");
    EXPECT_THAT(watch(seconds(100)), HasSubstr(R"("state":"failing")"));
}

TEST_F(ReadsTest, TellOfAnErrorOfTheKernelForSomeTime) {
    system.add_kernel_message(kSquashfsError);
    EXPECT_THAT(watch(seconds(200)), HasSubstr(R"("kernel_error":"SQUASHFS error: Failed to read block)"));
    EXPECT_THAT(watch(seconds(600)), Not(HasSubstr("kernel_error")));
}

TEST_F(ReadsTest, ThatDmVerityRefusesAreSaidForGood) {
    storage = {"/dev/dm-0", "/dev/dm-0", true, "squashfs"};
    system.add_disk("/proc/1/root/dev/dm-0", {});
    system.add_file("/sys/class/block/dm-0/size", "8000\n");
    system.add_directory("/sys/class/block/dm-0/slaves/sda");
    system.add_file("/sys/class/block/sda/dev", "8:0\n");
    system.add_kernel_message("<3>[ 3700.123456] device-mapper: verity: 8:16: data block 6 is corrupted");
    EXPECT_THAT(watch(seconds(30)), Not(HasSubstr("kernel_error")));
    system.add_kernel_message("<3>[ 3700.123456] device-mapper: verity: 8:0: data block 7 is corrupted");
    EXPECT_THAT(watch(seconds(3600)),
                HasSubstr("\"kernel_error\":\"data block 7 of /dev/sda is corrupted: it does not "
                          "fit the root hash (the squashfs on /dev/dm-0)\""));
    EXPECT_FALSE(system.ended()) << "the running system has not felt it";
    storage = {"/dev/dm-1", "/dev/dm-1", true, "squashfs"};
    system.add_disk("/proc/1/root/dev/dm-1", {});
    system.add_file("/sys/class/block/dm-1/size", "8000\n");
    system.add_directory("/sys/class/block/dm-1/slaves/dm-0");
    system.add_directory("/sys/class/block/dm-1/slaves/loop0");
    EXPECT_THAT(watch(seconds(30)), HasSubstr("data block 7 of /dev/sda is corrupted")) << "one over another";
}

TEST(KernelErrors, AreThoseOfTheKernelAboutTheDevice) {
    auto found = [](const std::string& line) {
        std::optional<KernelError> error = last_file_system_error(line + "\n", "sda");
        return error ? error->text : "none";
    };
    EXPECT_EQ(found("<3>[   12.345678] SQUASHFS error: Unable to read page"),
              "SQUASHFS error: Unable to read page");
    EXPECT_EQ(found("<2>[12345.345678] EXT4-fs error (device sda): x"), "EXT4-fs error (device sda): x");
    EXPECT_EQ(found("<3>Buffer I/O error on dev sda, logical block 5"),
              "Buffer I/O error on dev sda, logical block 5");
    EXPECT_EQ(found("<3>[   12.345678] Buffer I/O error on dev sda2, logical block 5"), "none");
    EXPECT_EQ(found("<6>[   12.345678] erofs: (device sda): mounted with root inode @ nid 36."), "none");
    EXPECT_EQ(found("<3>[   12.345678] I/O error, dev sda, sector 8 op 0x0:(READ)"), "none");
    EXPECT_EQ(found("<11>[   12.345678] SQUASHFS error: a program's"), "none");
    EXPECT_EQ(found("<"), "none");
    EXPECT_EQ(found("SQUASHFS error"), "none");
    EXPECT_EQ(last_file_system_error(kSquashfsError, "sda")->time, Time(seconds(3700)));
    EXPECT_FALSE(last_file_system_error("<3>SQUASHFS error: x", "sda")->time);
}

} // namespace
} // namespace mangrove
