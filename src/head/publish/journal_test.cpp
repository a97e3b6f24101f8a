#include "head/publish/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "head/host/interruption.h"
#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

/// The accident of the n-th change: it fails, or the process dies just before or just after it.
enum class Accident { none, fails, dies_before, dies_after };

class AccidentalHost : public LinuxHost {
  public:
    AccidentalHost(Accident accident, int at) : accident_(accident), left_(at) {}

    Result<std::string> run(const std::vector<std::string>& words) override {
        return meet<std::string>([&] { return LinuxHost::run(words); });
    }
    Result<> write(const std::string& path, const std::string& contents, Readers readers) override {
        return meet([&] { return LinuxHost::write(path, contents, readers); });
    }
    Result<> write_attribute(const std::string& path, const std::string& contents) override {
        return meet([&] { return LinuxHost::write_attribute(path, contents); });
    }
    Result<> clone(const std::string& from, const std::string& to) override {
        return meet([&] { return LinuxHost::clone(from, to); });
    }
    Result<> make_link(const std::string& path, const std::string& target) override {
        return meet([&] { return LinuxHost::make_link(path, target); });
    }
    Result<> make_directory(const std::string& path) override {
        return meet([&] { return LinuxHost::make_directory(path); });
    }
    Result<> remove(const std::string& path) override {
        return meet([&] { return LinuxHost::remove(path); });
    }
    Result<> remove_directory(const std::string& path) override {
        return meet([&] { return LinuxHost::remove_directory(path); });
    }

  private:
    template <typename Value = void, typename Change>
    Result<Value> meet(Change change) {
        bool now = --left_ == 0;
        if (now && accident_ == Accident::fails) return permanent_error("the accident");
        if (now && accident_ == Accident::dies_before) ::_exit(99);
        Result<Value> outcome = change();
        if (now && accident_ == Accident::dies_after) ::_exit(99);
        return outcome;
    }

    Accident accident_;
    int left_;
};

struct JournalTest : testing::Test {
    Stage work = make_test_directory();
    fs::path host_tree = work.path / "host";
    fs::path records = work.path / "records";
    Contents before;
    CollectedProgress progress;

    void SetUp() override {
        fs::create_directory(host_tree);
        shell(host_tree, "echo image >image; mkdir conf.d; echo other >conf.d/other");
        before = read_contents(host_tree).value();
    }
    std::string at(const std::string& name) { return host_tree / name; }

    /// One step of each kind.
    Record publication() {
        Step reload{.words = {"touch", at("reloaded")}, .undo_words = {"rm", "-f", at("reloaded")}};
        Step command{
            .words = {"cp", at("image"), at("target")},
            .undo_words = {"rm", at("target")}, // not to be there is an error, so the probe has to tell
            .probe = {"ls", host_tree},
            .probe_line = "target"};
        return {.id = "image-0123.test",
                .image = "image-0123",
                .over = "test",
                .server = "none",
                .definition = "{}",
                .steps = {reload,
                          {.kind = Step::Kind::directory, .path = at("served")},
                          {.kind = Step::Kind::clone, .path = at("served/image"), .contents = at("image")},
                          {.kind = Step::Kind::file, .path = at("conf.d/ours"), .contents = "ours\n"},
                          {.kind = Step::Kind::attribute, .path = at("served/image"), .contents = "image"},
                          {.kind = Step::Kind::link, .path = at("served/link"), .contents = "image"},
                          command}};
    }
    std::string host_changes() { return join(differences(before, read_contents(host_tree).value()), "\n"); }
    size_t records_left() { return Journal::list(records)->size(); }

    /// In a process of its own; true when the accident came.
    template <typename Work>
    bool with_accident(Accident accident, int number, Work work_of_child) {
        pid_t child = ::fork();
        if (child == 0) {
            AccidentalHost host(accident, number);
            ::_exit(work_of_child(host) ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status) == 99 || (accident == Accident::fails && WEXITSTATUS(status) == 1);
    }
    bool publish_in_child(Accident accident, int number) {
        return with_accident(accident, number, [&](Host& host) {
            Result<Journal> journal = Journal::open(records, host, progress);
            return journal && journal->publish(publication());
        });
    }
    bool restore_in_child(Accident accident, int number) {
        return with_accident(accident, number, [&](Host& host) {
            Result<Journal> journal = Journal::open(records, host, progress);
            return journal && journal->restore(journal->find("image-0123")->front(), no_renewal);
        });
    }
    static Result<> no_renewal(Host&, std::vector<Step>&) { return {}; }
    bool unpublish_in_child(Accident accident, int number) {
        return with_accident(accident, number, [&](Host& host) {
            Result<Journal> journal = Journal::open(records, host, progress);
            if (!journal) return false;
            Result<std::vector<Record>> found = journal->find("image-0123");
            return found && journal->unpublish(found->front());
        });
    }
};

TEST_F(JournalTest, what_is_published_is_taken_back_whole) {
    EXPECT_FALSE(publish_in_child(Accident::none, 0));
    EXPECT_EQ(host_changes(), "+ ./conf.d/ours\n+ ./reloaded\n+ ./served\n+ ./served/image\n"
                              "+ ./served/link\n+ ./target");
    EXPECT_EQ(Journal::list(records)->at(0).state, Record::State::published);
    EXPECT_FALSE(unpublish_in_child(Accident::none, 0));
    EXPECT_EQ(host_changes(), "");
    EXPECT_EQ(records_left(), 0U);
}

TEST_F(JournalTest, when_any_change_fails_nothing_stays) {
    int number = 1;
    for (; publish_in_child(Accident::fails, number); ++number) {
        EXPECT_EQ(host_changes(), "") << "change " << number;
        EXPECT_EQ(records_left(), 0U) << "change " << number;
        ASSERT_LT(number, 50);
    }
    EXPECT_EQ(number, 9) << "eight operations: a change each, and the probe of the command";
}

TEST_F(JournalTest, when_it_is_killed_the_next_run_takes_it_back) {
    for (Accident accident : {Accident::dies_before, Accident::dies_after}) {
        int number = 1;
        for (; publish_in_child(accident, number); ++number) {
            LinuxHost host;
            EXPECT_TRUE(Journal::open(records, host, progress));
            EXPECT_EQ(host_changes(), "") << "change " << number;
            EXPECT_EQ(records_left(), 0U) << "change " << number;
            ASSERT_LT(number, 50);
        }
        EXPECT_GT(number, 7);
        EXPECT_FALSE(unpublish_in_child(Accident::none, 0));
    }
}

TEST_F(JournalTest, an_unpublishing_that_is_killed_is_finished_by_the_next_run) {
    for (Accident accident : {Accident::dies_before, Accident::dies_after}) {
        int number = 1;
        for (bool killed = true; killed; ++number) {
            EXPECT_FALSE(publish_in_child(Accident::none, 0));
            killed = unpublish_in_child(accident, number);
            LinuxHost host;
            EXPECT_TRUE(Journal::open(records, host, progress));
            EXPECT_EQ(host_changes(), "") << "change " << number;
            EXPECT_EQ(records_left(), 0U) << "change " << number;
            ASSERT_LT(number, 50);
        }
        EXPECT_GT(number, 7);
    }
}

TEST_F(JournalTest, a_taking_back_that_is_killed_too) {
    EXPECT_TRUE(publish_in_child(Accident::dies_after, 6));
    for (int number = 1;
         with_accident(Accident::dies_after, number,
                       [&](Host& host) { return Journal::open(records, host, progress).has_value(); });
         ++number) {
    }
    EXPECT_EQ(host_changes(), "");
    EXPECT_EQ(records_left(), 0U);
}

TEST_F(JournalTest, what_the_host_forgot_is_done_again) {
    EXPECT_FALSE(publish_in_child(Accident::none, 0));
    std::string whole = host_changes();
    LinuxHost host;
    Result<Journal> journal = Journal::open(records, host, progress);
    auto restore = [&] { return journal->restore(journal->find("image-0123.test")->front(), no_renewal); };
    EXPECT_EQ(restore().value(), Journal::Restored::was_there);
    shell(host_tree, "rm -r target served reloaded");
    EXPECT_EQ(restore().value(), Journal::Restored::again);
    EXPECT_EQ(host_changes(), whole);
    EXPECT_EQ(restore().value(), Journal::Restored::was_there);
}

TEST_F(JournalTest, a_restoring_that_is_killed_or_fails_is_finished_by_the_next) {
    for (Accident accident : {Accident::fails, Accident::dies_before, Accident::dies_after}) {
        EXPECT_FALSE(publish_in_child(Accident::none, 0));
        std::string whole = host_changes();
        int number = 1;
        for (bool met = true; met; ++number) {
            shell(host_tree, "rm -r target served conf.d/ours");
            met = restore_in_child(accident, number);
            EXPECT_EQ(records_left(), 1U) << "change " << number;
            EXPECT_FALSE(restore_in_child(Accident::none, 0)) << "change " << number;
            EXPECT_EQ(host_changes(), whole) << "change " << number;
            ASSERT_LT(number, 50);
        }
        EXPECT_GT(number, 10);
        EXPECT_FALSE(unpublish_in_child(Accident::none, 0));
        EXPECT_EQ(host_changes(), "");
    }
}

TEST_F(JournalTest, one_that_cannot_be_taken_back_does_not_keep_others) {
    EXPECT_TRUE(publish_in_child(Accident::dies_after, 5));
    shell(host_tree, "echo mine >>conf.d/ours");
    LinuxHost host;
    Record other = {.id = "other.test",
                    .image = "other",
                    .over = "test",
                    .server = "none",
                    .definition = "{}",
                    .steps = {{.kind = Step::Kind::file, .path = at("other"), .contents = "other"}}};
    Result<Journal> journal = Journal::open(records, host, progress);
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->publish(other));
    EXPECT_TRUE(journal->unpublish(journal->find("other.test")->front()));
    EXPECT_EQ(Journal::list(records)->at(0).state, Record::State::publishing);
    shell(host_tree, "rm conf.d/ours");
    journal = permanent_error("closed");
    Result<Journal> later = Journal::open(records, host, progress);
    EXPECT_EQ(records_left(), 0U);
    EXPECT_TRUE(later->find("image-0123")->empty()) << "taken back just now, so that it is no error";
    EXPECT_FALSE(later->find("image-0124"));
    EXPECT_EQ(host_changes(), "");
}

TEST_F(JournalTest, a_server_that_cannot_be_told_keeps_only_what_it_was_told_of) {
    std::vector<std::string> reload = {"test", "-e", at("server")};
    Record told{.id = "image-0123.test",
                .image = "image-0123",
                .over = "test",
                .server = "none",
                .definition = "{}",
                .steps = {{.undo_words = reload},
                          {.kind = Step::Kind::file, .path = at("conf.d/ours"), .contents = "ours\n"},
                          {.words = reload}}};
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    EXPECT_FALSE(journal.publish(told));
    EXPECT_EQ(host_changes(), "");
    EXPECT_EQ(records_left(), 0U);
    shell(host_tree, ": >server");
    EXPECT_TRUE(journal.publish(told));
    shell(host_tree, "rm server");
    EXPECT_FALSE(journal.unpublish(journal.find("image-0123")->front()));
    EXPECT_EQ(records_left(), 1U) << "the server still has it";
    shell(host_tree, ": >server");
    EXPECT_TRUE(journal.unpublish(journal.find("image-0123")->front()));
    EXPECT_EQ(records_left(), 0U);
}

TEST_F(JournalTest, a_shared_change_goes_with_the_last_that_has_it) {
    auto sharing = [&](const char* id) {
        return Record{.id = id,
                      .image = id,
                      .over = "test",
                      .server = "none",
                      .definition = "{}",
                      .steps = {{.words = {"mkdir", at("portal")},
                                 .undo_words = {"rmdir", at("portal")},
                                 .probe = {"ls", host_tree},
                                 .probe_line = "portal",
                                 .scope = Step::Scope::shared}}};
    };
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    for (const char* id : {"one", "two"})
        EXPECT_TRUE(journal.publish(sharing(id))) << id;
    shell(host_tree, "rmdir portal");
    for (const char* id : {"one", "two"})
        EXPECT_TRUE(journal.restore(journal.find(id)->front(), no_renewal)) << id;
    EXPECT_TRUE(journal.unpublish(journal.find("one")->front()));
    EXPECT_EQ(host_changes(), "+ ./portal");
    EXPECT_TRUE(journal.unpublish(journal.find("two")->front()));
    EXPECT_EQ(host_changes(), "");
}

TEST_F(JournalTest, what_stands_in_the_way_is_not_taken_away) {
    shell(host_tree, "echo mine >conf.d/ours");
    LinuxHost host;
    Result<Journal> journal = Journal::open(records, host, progress);
    Outcome<> published = journal->publish(publication());
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().error.what,
              at("conf.d/ours") + " already exists and was not created by mangrovectl");
    EXPECT_EQ(host_changes(), "+ ./conf.d/ours");
    EXPECT_EQ(records_left(), 0U);
}

TEST_F(JournalTest, a_file_that_was_changed_since_is_not_taken_away) {
    EXPECT_FALSE(publish_in_child(Accident::none, 0));
    std::string whole = host_changes();
    shell(host_tree, "echo mine >>conf.d/ours");
    LinuxHost host;
    Result<Journal> journal = Journal::open(records, host, progress);
    Outcome<> gone = journal->unpublish(journal->find("image-0123.test")->front());
    ASSERT_FALSE(gone);
    EXPECT_EQ(describe(gone.error().error),
              at("conf.d/ours")
                  + " is not as mangrovectl wrote it; move it away and unpublish again\n"
                    "  while rolling back: remove "
                  + at("conf.d/ours"));
    EXPECT_EQ(Journal::list(records)->at(0).state, Record::State::published);
    EXPECT_EQ(host_changes(), whole) << "all of it is served again";
    shell(host_tree, "rm conf.d/ours");
    EXPECT_TRUE(journal->unpublish(journal->find("image-0123.test")->front()));
    EXPECT_EQ(host_changes(), "");
}

TEST_F(JournalTest, a_failure_says_what_was_rolled_back_and_what_stays) {
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    Record failing = publication();
    failing.steps.back().words = {"false"};
    failing.steps.back().probe = {};
    failing.steps.back().undo_words = {};
    Outcome<> published = journal.publish(failing);
    ASSERT_FALSE(published);
    EXPECT_EQ(join(published.error().rollback.undone, "\n"),
              text("remove ", at("served/link"), "\nremove ", at("conf.d/ours"), "\nremove ",
                   at("served/image"), "\nremove ", at("served"), "\nrm -f ", at("reloaded")));
    EXPECT_TRUE(published.error().rollback.remaining.empty());
    failing.steps[0].undo_words = {"false"};
    published = journal.publish(failing);
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().rollback.undone.size(), 4U);
    EXPECT_EQ(published.error().rollback.remaining,
              std::vector<std::string>{"false: false failed with exit code 1; the next run will retry"});
    EXPECT_EQ(records_left(), 1U) << "for the next run";
    EXPECT_TRUE(progress.warnings.empty()) << "what is returned is not said, too";
}

TEST_F(JournalTest, others_have_the_journal_while_a_large_file_is_read) {
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    Record slow = publication();
    slow.steps[0].words = {
        "sh", "-c", text("touch ", at("started"), "; until [ -e ", at("go"), " ]; do sleep 0.05; done")};
    slow.steps[0].reads = at("image");
    Outcome<> published;
    std::thread publishing([&] { published = journal.publish(slow); });
    while (!fs::exists(at("started")))
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    {
        CollectedProgress others;
        Journal beside = Journal::open(records, host, others, std::chrono::seconds(10)).value();
        EXPECT_TRUE(others.notes.empty()) << "it was not interrupted";
        for (const Error& refused : {beside.publish(slow).error().error,
                                     beside.unpublish(beside.find(slow.id)->front()).error().error}) {
            EXPECT_TRUE(refused.what.starts_with("image-0123.test: another mangrovectl is publishing it"))
                << refused.what;
            EXPECT_TRUE(refused.is_transient());
        }
        Record other = publication();
        other.id = "image-0124.test";
        other.steps = {{.kind = Step::Kind::directory, .path = at("other")}};
        EXPECT_TRUE(beside.publish(other));
    }
    shell(host_tree, ": >go");
    publishing.join();
    EXPECT_TRUE(published) << describe(published.error().error);
    EXPECT_EQ(Journal::list(records)->at(0).state, Record::State::published);
    EXPECT_FALSE(fs::exists(records / "image-0123.test.lock"));
}

TEST_F(JournalTest, what_cannot_be_reached_is_rolled_back) {
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    Outcome<> published = journal.publish(
        publication(), [](const Record&) -> Result<> { return permanent_error("nobody answers"); });
    EXPECT_EQ(published.error().error.what, "nobody answers");
    EXPECT_EQ(host_changes(), "");
    EXPECT_EQ(records_left(), 0U);
    EXPECT_TRUE(journal.publish(publication(), [&](const Record&) -> Result<> {
        EXPECT_NE(host_changes(), "");
        return {};
    }));
}

/// A host on which nbd-server has a client of the image.
class HostInUse : public LinuxHost {
  public:
    bool is_used = true;

    Result<std::string> run(const std::vector<std::string>& words) override {
        if (words[0] != "ss") return LinuxHost::run(words);
        return is_used ? "0 0 192.0.2.1:10809 192.0.2.101:40000 users:((\"nbd-server\",pid=7,fd=4))\n" : "";
    }
    std::vector<std::string> open_files(const std::string&) override {
        return {"/images/image-0123.squashfs"};
    }
};

TEST_F(JournalTest, an_interrupted_publish_is_rolled_back) {
    LinuxHost host;
    Journal journal = Journal::open(records, host, progress).value();
    Interruption interruption;
    Record interrupted = publication();
    interrupted.steps[0].words = {"sh", "-c", text("kill -INT ", ::getpid())};
    EXPECT_EQ(journal.publish(interrupted).error().error.what, "interrupted; rolled back");
    EXPECT_EQ(host_changes(), "");
    EXPECT_EQ(records_left(), 0U);
}

TEST_F(JournalTest, what_nodes_use_stays_when_an_unpublish_was_interrupted) {
    Record used = publication();
    used.id = "image-0123.nbd";
    used.server = "nbd-server";
    used.definition = R"({"name":"x","mount":{"kind":"overlay","overlay":{"lower":[{"kind":"attach","attach":{
        "attach":{"kind":"nbd","nbd":{"host":"192.0.2.1","export":"image-0123"}}}}]}}})";
    HostInUse host;
    Outcome<> published = Journal::open(records, host, progress)->publish(used);
    ASSERT_TRUE(published) << describe(published.error().error);
    std::string whole = host_changes();
    ASSERT_TRUE(unpublish_in_child(Accident::dies_after, 3));
    std::string part = host_changes();
    EXPECT_NE(part, whole);
    EXPECT_TRUE(Journal::open(records, host, progress));
    EXPECT_EQ(host_changes(), part);
    ASSERT_EQ(progress.warnings.size(), 1U);
    EXPECT_NE(progress.warnings[0].find(
                  "the unpublish of image-0123.nbd was interrupted and is not finished: 1 node uses it: "
                  "192.0.2.101; serve it again"),
              std::string::npos)
        << progress.warnings[0];
    host.is_used = false;
    EXPECT_TRUE(Journal::open(records, host, progress, kLockTimeout, Journal::Interrupted::stays));
    EXPECT_EQ(host_changes(), part) << "restore takes nothing back";
    host.is_used = true;
    Outcome<std::optional<Record>> again = Journal::open(records, host, progress)->take_up("image-0123.nbd");
    ASSERT_TRUE(again && *again) << describe(again.error().error);
    EXPECT_EQ(host_changes(), whole);
    EXPECT_EQ(Journal::list(records)->at(0).state, Record::State::published);
    EXPECT_EQ(
        Journal::open(records, host, progress)->take_up("image-0123.nbd").error().error.what,
        "image-0123.nbd is already published; unpublish it first: mangrovectl unpublish image-0123.nbd");
    EXPECT_FALSE(Journal::open(records, host, progress)->take_up("image-0124.nbd")->has_value());
    shell(host_tree, "rm target");
    whole = host_changes();
    EXPECT_EQ(
        Journal::open(records, host, progress)->restore(Journal::list(records)->at(0), no_renewal).value(),
        Journal::Restored::was_there);
    EXPECT_EQ(host_changes(), whole) << "restoring takes nothing from nodes either";
}

TEST_F(JournalTest, a_run_that_waits_names_who_holds_the_records) {
    LinuxHost host;
    Result<Journal> first = Journal::open(records, host, progress);
    Result<Journal> second = Journal::open(records, host, progress, std::chrono::seconds(0));
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().what.starts_with(text("another mangrovectl (PID ", ::getpid(), ", `")))
        << second.error().what;
    EXPECT_NE(second.error().what.find(text(" s) holds ", records.native(), "/lock")), std::string::npos);
    std::thread end([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        first = permanent_error("closed");
    });
    EXPECT_TRUE(Journal::open(records, host, progress, std::chrono::seconds(30)));
    end.join();
}

TEST_F(JournalTest, secrets_are_not_shown_and_the_records_are_closed) {
    Step step{.words = {"tgtadm", "--password", "s3cret"}, .secret = "s3cret"};
    EXPECT_EQ(to_text(step), "tgtadm --password ********");
    for (const char* secret : {"it's", "a b", "*", "********", "\\"}) {
        step.words = {"tgtadm", "--name", "a 'b' c", "--password", secret};
        step.secret = secret;
        std::string shown = to_text(step);
        EXPECT_TRUE(shown.ends_with(" --password ********")) << shown;
    }
    EXPECT_EQ(step_from_json(to_json(step).get())->words, step.words);
    EXPECT_FALSE(publish_in_child(Accident::none, 0));
    EXPECT_EQ(fs::status(records).permissions(), fs::perms(02750));
    EXPECT_EQ(fs::status(records / "image-0123.test.json").permissions(), fs::perms(0640));
}

} // namespace

} // namespace mangrove::head
