#include "status/status.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keeper/keeper.h"
#include "keeper/state_file.h"
#include "machine/run_files.h"
#include "root/report.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMountinfo =
    "21 1 0:21 / / rw,relatime - overlay overlay rw,lowerdir=/run/mangrove/layers/layer0,"
    "upperdir=/run/mangrove/layers/upper0/upper,workdir=/run/mangrove/layers/upper0/work\n"
    "22 21 0:5 / /proc rw,nosuid shared:5 master:1 - proc proc rw\n"
    "23 21 8:0 / /run/mangrove/layers/layer0 ro,relatime - squashfs /dev/sda ro,errors=continue\n"
    "24 21 0:23 / /run/mangrove/layers/upper0 rw,relatime shared:9 - tmpfs mangrove rw,size=50%\n";
Time at(int second) {
    return Time() + seconds(second);
}

const ConnectionState kConnected = {.name = "disk",
                                    .losses = 1,
                                    .tries = 7,
                                    .longest_loss = milliseconds(62500),
                                    .since = at(3588),
                                    .seen = at(3595)};
const ReadsState kReadable = {.name = "/dev/sda", .since = at(3500), .answered = at(3590)};

/// A healthy node, an hour after its start.
struct Node : testing::Test {
    Node() {
        system.add_file(kReportPath, R"({"name":"debian","kernel_seconds":1.9,"seconds":0.87,)"
                                     R"("definition":"the kernel command line"})");
        system.add_file("/proc/self/mountinfo", kMountinfo);
        system.add_directory(kKeeperDirectory);
        write("0", kConnected, 70);
        write("storage0", kReadable, 80);
        add_process(80, "mangrove-keeper", 60);
        add_process(60, "mangrove-keeper", 1);
        add_process(70, "mangrove-keeper", 60);
    }
    void add_process(int number, const std::string& name, int parent) {
        system.add_file(text("/proc/", number, "/status"),
                        text("Name:\t", name, "\nUmask:\t0022\nPPid:\t", parent, "\n"));
    }
    /// Writes a state as the keeper with that process number does.
    void write(const std::string& name, const auto& state, int process) {
        system.add_link("/proc/self", text(process));
        write_state_file(system, text(kKeeperDirectory, "/", name, ".json"), state);
    }
    Result<Status> look() {
        return look_at_node(system, [this](const std::string& path) -> std::optional<Space> {
            if (path != "/") return std::nullopt;
            return Space{500 << 20, used};
        });
    }
    std::vector<std::string> problems() {
        Result<Status> status = look();
        return status ? problems_of(*status) : std::vector<std::string>{describe(status.error())};
    }

    Transcript transcript;
    FakeSystem system{transcript};
    uint64_t used = 5 << 20;
};

TEST_F(Node, AFullUpperIsAProblem) {
    used = 494 << 20;
    EXPECT_THAT(problems(), testing::IsEmpty());
    used = 495 << 20;
    EXPECT_THAT(problems(),
                testing::ElementsAre(testing::HasSubstr("the upper is full: 495 MiB of 500 MiB")));
}

TEST_F(Node, ThatStartedAgainWithoutAKernelHasOtherConnections) {
    system.remove("/run/mangrove/keeper/0.json");
    write("7", kConnected, 70);
    system.add_file(kReportPath, R"({"name":"debian","kernel_seconds":600,"seconds":5,"soft":true})");
    Result<Status> status = look();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->connections.size(), 1u);
    EXPECT_THAT(status_text(*status),
                HasSubstr("boot        5.0 s after 10 min in the kernel, without starting that again\n"));
}

TEST_F(Node, ShowsItselfToPeople) {
    EXPECT_EQ(status_text(*look()),
              "root        debian\n"
              "definition  the kernel command line\n"
              "boot        0.9 s after 1.9 s in the kernel\n"
              "mount       /: overlay on overlay\n"
              "mount       /run/mangrove/layers/layer0: squashfs on /dev/sda, read-only\n"
              "mount       /run/mangrove/layers/upper0: tmpfs on mangrove\n"
              "upper       tmpfs on mangrove: 5.0 MiB of 500.0 MiB used (1 %)\n"
              "connection  disk: connected for 12.0 s; 1 loss, the longest 62.5 s\n"
              "keeper      alive, process 70\n"
              "reads       /dev/sda: readable, answered 10.0 s ago\n");
}

TEST_F(Node, ShowsItselfToPrograms) {
    EXPECT_EQ(
        status_json(*look()),
        R"({"healthy":true,"problems":[],"connections":[{"name":"disk","state":"connected","keeper":"alive",)"
        R"("process":70,"state_seconds":12,"losses":1,"tries":7,"longest_loss_seconds":62.5}],)"
        R"("reads":[{"name":"/dev/sda","state":"readable","answered_seconds":10}],)"
        R"("upper":{"mount_point":"/run/mangrove/layers/upper0","bytes":524288000,"used_bytes":5242880},)"
        R"("mounts":[{"mount_point":"/","type":"overlay","source":"overlay","read_only":false},)"
        R"({"mount_point":"/run/mangrove/layers/layer0","type":"squashfs","source":"/dev/sda","read_only":true},)"
        R"({"mount_point":"/run/mangrove/layers/upper0","type":"tmpfs","source":"mangrove","read_only":false}],)"
        R"("report":{"name":"debian","kernel_seconds":1.9,"seconds":0.87,)"
        R"("definition":"the kernel command line"}})"
        "\n");
}

TEST_F(Node, ShowsWhatIsVerified) {
    system.add_file(kReportPath, R"({"name":"debian","verity":[{"device":"/dev/sda"}]})");
    EXPECT_THAT(
        status_text(*look()),
        HasSubstr("mount       /run/mangrove/layers/layer0: squashfs on /dev/sda, read-only, verified\n"));
    EXPECT_THAT(status_json(*look()), HasSubstr(R"("read_only":true,"verified":true},)"));
}

/// Fetched ten minutes ago, from a server that has answered since.
LiveState fetched_files() {
    LiveState state = {.server = "https://head/n/live",
                       .interval = seconds(60),
                       .version = "\"v1\"",
                       .fetched = at(3000),
                       .answered = at(3540)};
    state.files["/etc/hosts"] = {};
    state.files["/etc/motd"] = {};
    return state;
}

TEST_F(Node, ShowsItsLiveFiles) {
    system.add_file(kFilesState, to_json(fetched_files()), 0600);
    EXPECT_THAT(status_text(*look()),
                HasSubstr("files       2 from https://head/n/live, fetched 10 min ago\n"));
    EXPECT_THAT(status_json(*look()),
                HasSubstr(R"("files":{"server":"https://head/n/live","count":2,"fetched_seconds":600,)"
                          R"("answered_seconds":60,"left":[]})"));
    EXPECT_THAT(notices_of(*look()), IsEmpty());
    LiveState never = {
        .server = "https://head/n/live", .answered = at(3590), .error = "connecting: timed out"};
    system.add_file(kFilesState, to_json(never), 0600);
    EXPECT_THAT(status_text(*look()),
                HasSubstr("files       not fetched yet from https://head/n/live: connecting: timed out\n"));
    never.is_missing = true;
    system.add_file(kFilesState, to_json(never), 0600);
    EXPECT_THAT(status_text(*look()), HasSubstr("files       none for this node on https://head/n/live\n"));
}

TEST_F(Node, WhoseFilesWereChangedIsHealthy) {
    LiveState state = fetched_files();
    state.left["/etc/motd"] = {LeftFile::Why::changed, "changed on this node; left as it is"};
    system.add_file(kFilesState, to_json(state), 0600);
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(status_text(*look()),
                HasSubstr("notice      files: /etc/motd: changed on this node; left as it is\n"));
    EXPECT_THAT(status_json(*look()), HasSubstr(R"("left":["/etc/motd"])"));
    EXPECT_THAT(status_json(*look()),
                HasSubstr(R"("healthy":true,"problems":[],"notices":["files: /etc/motd)"));
}

TEST_F(Node, WhoseFilesAreNotFetchedIsHealthy) {
    LiveState state = fetched_files();
    state.answered = at(3000);
    state.error = "https://head/n/live: connecting: Connection refused";
    system.add_file(kFilesState, to_json(state), 0600);
    EXPECT_THAT(notices_of(*look()), IsEmpty()) << "ten intervals";
    system.advance(seconds(1));
    EXPECT_THAT(
        notices_of(*look()),
        ElementsAre("files: not fetched for 601 s: https://head/n/live: connecting: Connection refused"));
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Node, WithoutAKeeperIsUnprotected) {
    EXPECT_THAT(problems(), IsEmpty());
    system.remove("/proc/70/status");
    EXPECT_THAT(
        problems(),
        ElementsAre(
            "UNPROTECTED: the connection to the disk will not be restored after a loss: its keeper is dead"));
    // Its number went to another one.
    add_process(70, "bash", 1);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("UNPROTECTED")));
    add_process(70, "mangrove-keeper", 1);
    add_process(1, "systemd", 0);
    EXPECT_THAT(problems(),
                ElementsAre("the keeper of the disk will not be restarted when it dies: the process that "
                            "restarts it is dead"));
}

TEST_F(Node, WhoseKeeperDoesNotLookIsUnprotected) {
    system.advance(seconds(56));
    system.remove("/run/mangrove/keeper/storage0.json");
    EXPECT_THAT(problems(), ElementsAre("UNPROTECTED: the keeper of the disk has not looked at it for 61 s"));
    ConnectionState unseen = kConnected;
    unseen.now = "not seen";
    unseen.seen = at(3580);
    unseen.reason = "reading the state: No such file or directory";
    write("0", unseen, 70);
    EXPECT_THAT(problems(),
                ElementsAre("the disk is not seen: reading the state: No such file or directory"));
}

TEST_F(Node, WhoseKeeperDidNotStartIsUnprotected) {
    system.remove("/run/mangrove/keeper");
    system.add_file(kReportPath, R"({"name":"debian","keeper_error":"starting the keeper: Out of memory"})");
    EXPECT_THAT(problems(),
                ElementsAre("UNPROTECTED: a lost connection will not be restored: the keeper did not "
                            "start: starting the keeper: Out of memory"));
}

TEST_F(Node, SaysWhatIsLost) {
    write("1",
          ConnectionState{.name = "other",
                          .now = "lost",
                          .losses = 2,
                          .tries = 3,
                          .since = at(3400),
                          .reason = "Connection refused"},
          70);
    EXPECT_THAT(problems(), ElementsAre("the other is lost: Connection refused"));
    EXPECT_THAT(status_text(*look()), HasSubstr("other: lost for 3 min, 3 attempts; 2 losses"));
    EXPECT_THAT(status_text(*look()), HasSubstr("PROBLEM     the other is lost: Connection refused\n"));
}

TEST_F(Node, ShowsWhatAServedConnectionCosts) {
    ConnectionState served = kConnected;
    served.served = ServedState{.server = "http://a/b",
                                .requests = 312,
                                .bytes = 3 << 20,
                                .reads = 200,
                                .hits = 62,
                                .slowest = milliseconds(1500)};
    write("0", served, 70);
    EXPECT_THAT(status_text(*look()),
                HasSubstr("server      http://a/b: 312 requests, 3.0 MiB, 31 % from the "
                          "cache, the slowest answer 1.5 s\n"));
    EXPECT_THAT(status_json(*look()), HasSubstr(R"("served":{"server":"http://a/b","requests":312,)"));
    served.now = "changed";
    served.reason = "http://a/b: the file has changed on the server";
    write("0", served, 70);
    EXPECT_THAT(problems(),
                ElementsAre(HasSubstr(" is changed: http://a/b: the file has changed on the server")));
}

TEST_F(Node, ShowsWhatTheCacheOfAServedConnectionHolds) {
    ConnectionState served = kConnected;
    served.served = ServedState{
        .server = "http://a/b", .cache = "/dev/vda2", .cache_hits = 12, .held = 3 << 20, .size = 4 << 20};
    auto shown = [&] {
        write("0", served, 70);
        return status_text(*look());
    };
    EXPECT_THAT(shown(),
                HasSubstr("cache       /dev/vda2: holds 3.0 MiB of 4.0 MiB, 12 pieces came from it\n"));
    EXPECT_THAT(notices_of(*look()), IsEmpty());
    served.served->held = 4 << 20;
    served.served->cache_wrong = 2;
    EXPECT_THAT(
        shown(),
        HasSubstr("cache       /dev/vda2: holds all of it, 12 pieces came from it, 2 were corrupt\n"));
    EXPECT_THAT(
        status_json(*look()),
        HasSubstr(R"("cache":"/dev/vda2","cache_hits":12,"cache_wrong":2,"held":4194304,"size":4194304})"));
    served.served->cache_failure = "reading: Input/output error";
    EXPECT_THAT(shown(), HasSubstr("notice      cache /dev/vda2: not used any more: reading: Input/output"));
    EXPECT_THAT(status_json(*look()), HasSubstr(R"("notices":["cache /dev/vda2: not used)"));
    EXPECT_THAT(problems(), IsEmpty());
    served.served = ServedState{.server = "http://a/b", .is_filled = true, .held = 1 << 20, .size = 4 << 20};
    EXPECT_THAT(shown(), HasSubstr("cache       memory: holds 1.0 MiB of 4.0 MiB\n"));
}

TEST_F(Node, SaysThatReadsFailOverAConnectionThatIsThere) {
    auto problem_with = [&](const std::function<void(ReadsState&)>& change) {
        ReadsState state = kReadable;
        change(state);
        write("storage0", state, 80);
        return join(problems(), "; ");
    };
    EXPECT_EQ(problem_with([](ReadsState& reads) {
                  reads.now = "failing";
                  reads.reason = "reading it: Invalid exchange";
              }),
              "reads from /dev/sda fail: reading it: Invalid exchange");
    EXPECT_EQ(problem_with([](ReadsState& reads) {
                  reads.now = "changed";
                  reads.reason = "the data is not what it was";
              }),
              "/dev/sda: the data is not what it was");
    EXPECT_EQ(problem_with([](ReadsState& reads) { reads.answered = at(3500); }),
              "/dev/sda has not answered for 100 s");
    EXPECT_EQ(problem_with([](ReadsState& reads) { reads.kernel_error = "SQUASHFS error: -5"; }),
              "the kernel reports an error of the root: SQUASHFS error: -5");
    auto no_change = [](ReadsState&) {};
    EXPECT_EQ(problem_with(no_change), "");
    system.remove("/proc/80/status");
    EXPECT_EQ(problem_with(no_change), "the reads from /dev/sda are not watched: the process is dead");
}

TEST_F(Node, OverNvmeIsKeptByTheKernel) {
    system.remove("/run/mangrove/keeper");
    system.add_file("/sys/class/nvme/nvme0/transport", "pcie\n");
    system.add_file("/sys/class/nvme/nvme1/transport", "tcp\n");
    system.add_file("/sys/class/nvme/nvme1/subsysnqn", "nqn.a\n");
    system.add_file("/sys/class/nvme/nvme1/state", "live\n");
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(status_text(*look()), HasSubstr("connection  NVMe subsystem nqn.a: connected\n"
                                                "keeper      the kernel\n"));
    EXPECT_THAT(
        status_json(*look()),
        HasSubstr(
            R"("connections":[{"name":"NVMe subsystem nqn.a","state":"connected","keeper":"kernel"}])"));
    system.add_file("/sys/class/nvme/nvme1/state", "connecting\n");
    EXPECT_THAT(problems(), ElementsAre("the NVMe subsystem nqn.a is connecting"));
}

TEST_F(Node, NeedsNoKeeperWithoutConnections) {
    system.remove("/run/mangrove/keeper");
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Node, ThatAnotherHasBootedIsRefused) {
    system.remove(kReportPath);
    EXPECT_THAT(problems(),
                ElementsAre("this machine was not booted by Mangrove: it has no /run/mangrove/report.json"));
    system.add_file(kReportPath, "{");
    EXPECT_THAT(problems(), ElementsAre("/run/mangrove/report.json is not JSON"));
}

TEST_F(Node, IsNotCalledHealthyWhereItCannotBeRead) {
    size_t before = transcript.lines().size();
    ASSERT_TRUE(look());
    std::vector<std::string> steps(transcript.lines().begin() + static_cast<std::ptrdiff_t>(before),
                                   transcript.lines().end());
    ASSERT_GT(steps.size(), 4u);
    ASSERT_EQ(steps.back(), "listing /sys/class/nvme") << "which only some machines have";
    steps.pop_back();
    for (const std::string& step : steps) {
        size_t next = transcript.lines().size();
        transcript.fail_at(next + static_cast<size_t>(&step - steps.data()));
        EXPECT_THAT(problems(), testing::Not(IsEmpty())) << step;
    }
}

TEST_F(Node, IsReadAgainWhileItIsWritten) {
    system.add_file("/run/mangrove/keeper/0.json", "");
    system.after(milliseconds(30), [&] { write("0", kConnected, 70); });
    EXPECT_THAT(problems(), IsEmpty());
    system.add_file("/run/mangrove/keeper/0.json", "");
    EXPECT_THAT(problems(), ElementsAre("/run/mangrove/keeper/0.json is not JSON"));
}

} // namespace
} // namespace mangrove
