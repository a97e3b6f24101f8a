#include "head/image/unpack.h"

#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/confined.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

struct UnpackTest : testing::Test {
    Stage work = make_test_directory();
    CollectedProgress progress;
    fs::path tree = work.path / "tree";

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "owners need root";
        fs::create_directory(tree);
    }
    /// A layer from what a shell command makes in an empty directory.
    fs::path layer(const std::string& name, const std::string& command,
                   const std::string& tar_options = ".") {
        fs::create_directory(work.path / name);
        shell(work.path / name, "umask 022\n" + command);
        shell(work.path / name, "tar --sort=name -cf ../" + name + ".tar " + tar_options);
        return work.path / (name + ".tar");
    }
    Result<> unpack_all(const std::vector<fs::path>& tars, Whiteouts whiteouts,
                        const UnpackLimits& limits = {}) {
        UnpackRequest request{.directory = tree, .whiteouts = whiteouts, .limits = limits};
        for (const fs::path& tar : tars)
            request.tars.push_back(open_tar(tar).value());
        return unpack(request, progress);
    }
    /// The names in the tree after these layers.
    std::string after(const std::vector<fs::path>& layers, const UnpackLimits& limits = {}) {
        Result<> unpacked = unpack_all(layers, Whiteouts::honoured, limits);
        if (!unpacked) return describe(unpacked.error());
        std::vector<std::string> names;
        Contents contents = read_contents(tree).value();
        for (const auto& [name, record] : contents)
            if (name != ".") names.push_back(name.substr(2));
        return join(names, " ");
    }
};

TEST_F(UnpackTest, tells_how_far_it_is) {
    fs::path tar = layer("large", "head -c 5M /dev/urandom >file");
    ASSERT_TRUE(unpack_all({tar}, Whiteouts::plain_files));
    ASSERT_EQ(progress.works.size(), 1U);
    EXPECT_EQ(progress.works[0].what, "unpacking " + tar.native());
    EXPECT_EQ(progress.works[0].total, fs::file_size(tar));
    EXPECT_GE(progress.works[0].done, 4U << 20) << "a MiB at a time";
    EXPECT_LE(progress.works[0].done, progress.works[0].total);
    EXPECT_TRUE(progress.works[0].has_ended);
}

TEST_F(UnpackTest, everything_survives_a_tar) {
    fs::path source = work.path / "source";
    fs::create_directory(source);
    fill_tree(source);
    shell(source, "tar --xattrs --xattrs-include='*' --sparse --format=pax -czf ../whole.tar.gz .");
    Result<> unpacked = unpack_all({work.path / "whole.tar.gz"}, Whiteouts::plain_files);
    ASSERT_TRUE(unpacked) << describe(unpacked.error());
    EXPECT_EQ(join(differences(read_contents(source).value(), read_contents(tree).value()), "\n"), "");
    struct stat status = {};
    ::stat((tree / "usr/lib/sparse").c_str(), &status);
    EXPECT_LT(status.st_blocks, 1000);
    for (const char* name : {"", "etc", "etc/one", "empty"}) {
        ::lstat((tree / name).c_str(), &status);
        EXPECT_EQ(status.st_mtime, 1709618828) << name;
    }
}

TEST_F(UnpackTest, whiteouts_remove_what_lower_layers_have) {
    fs::path lower = layer("lower", "mkdir -p a b c/d; touch a/1 a/2 b/1 c/d/1 c/d/2 file");
    fs::path upper = layer("upper", "mkdir -p a c/d; touch a/.wh.1 .wh.b .wh.file c/.wh.d c/d/new");
    EXPECT_EQ(after({lower, upper}), "a a/2 c c/d c/d/new");
}

TEST_F(UnpackTest, an_opaque_directory_keeps_what_its_own_layer_has) {
    fs::path lower = layer("lower", "mkdir -p etc/x/y; touch etc/old etc/same etc/x/1 etc/x/y/2");
    // Its whiteout comes after some of its files in the tar, and before others.
    fs::path upper = layer("upper", "mkdir -p etc/x; touch etc/.wh..wh..opq etc/same etc/x/3 etc/new",
                           "./etc/new ./etc/x ./etc/.wh..wh..opq ./etc/same");
    EXPECT_EQ(after({lower, upper}), "etc etc/new etc/same etc/x etc/x/3");
}

TEST_F(UnpackTest, a_whiteout_and_its_name_in_one_layer) {
    fs::path lower = layer("lower", "mkdir a; touch a/old");
    fs::path upper = layer("upper", "touch .wh.a a", "./.wh.a ./a");
    EXPECT_EQ(after({lower, upper}), "a");
    EXPECT_TRUE(fs::is_regular_file(tree / "a"));
}

TEST_F(UnpackTest, a_whiteout_of_nothing_and_aufs_books_are_passed_over) {
    EXPECT_EQ(after({layer("only", "touch .wh.not-there .wh..wh.plnk 1")}), "1");
}

TEST_F(UnpackTest, kinds_take_each_others_place) {
    fs::path lower = layer("lower", "mkdir -p dir keep; touch dir/1 file keep/1; ln -s keep link");
    fs::path upper = layer("upper", "touch dir; mkdir file link keep; touch file/2 link/3; chmod 700 keep");
    EXPECT_EQ(after({lower, upper}), "dir file file/2 keep keep/1 link link/3");
    EXPECT_EQ(read_contents(tree).value().at("./keep").permissions, 0700U);
}

TEST_F(UnpackTest, an_upper_layer_writes_through_a_lower_link_and_stays_inside) {
    fs::path lower =
        layer("lower", "mkdir -p usr/lib; ln -s usr/lib lib; ln -s /usr/lib absolute; ln -s ../../.. out");
    fs::path upper =
        layer("upper", "mkdir lib absolute out; touch lib/1 absolute/2 out/3", "lib/1 absolute/2 out/3");
    EXPECT_EQ(after({lower, upper}), "3 absolute lib out usr usr/lib usr/lib/1 usr/lib/2");
}

TEST_F(UnpackTest, where_a_link_leads_to_is_made) {
    fs::path lower = layer("lower", "mkdir var; ln -s ../../run/x/../y var/run; ln -s /srv/a here");
    fs::path upper = layer("upper", "mkdir -p var/run here; touch var/run/1 here/2", "var/run/1 here/2");
    EXPECT_EQ(after({lower, upper}), "here run run/y run/y/1 srv srv/a srv/a/2 var var/run");
}

TEST_F(UnpackTest, a_replaced_file_does_not_change_its_other_names) {
    fs::path lower = layer("lower", "echo old >a; ln a b");
    fs::path upper = layer("upper", "echo new >a");
    EXPECT_EQ(after({lower, upper}), "a b");
    EXPECT_EQ(read_file(tree / "b").value(), "old\n");
    EXPECT_EQ(read_file(tree / "a").value(), "new\n");
}

TEST_F(UnpackTest, a_name_that_leads_out_is_refused) {
    fs::path tar = layer("bad", "touch ../outside", "-P ../outside");
    EXPECT_EQ(after({tar}),
              "the name '../outside' leads out of the tree\n  while unpacking ../outside of " + tar.native());
}

TEST_F(UnpackTest, the_root_is_no_link) {
    fs::create_directory(work.path / "host");
    for (const char* command : {"ln -s host link", "touch 1; ln 1 link"}) {
        fs::path tar =
            layer(text("bad-", command[0]), text(command, "; touch x"), "--transform='s,^link$,.,' *");
        EXPECT_EQ(after({tar}),
                  "the root of the tree can only be a directory\n  while unpacking . of " + tar.native());
        EXPECT_TRUE(fs::is_directory(fs::symlink_status(tree)));
    }
    EXPECT_TRUE(fs::is_empty(work.path / "host"));
}

TEST_F(UnpackTest, a_link_in_the_place_of_a_directory_leads_no_mode_out) {
    shell(work.path, "umask 022; mkdir -p host/below");
    fs::path tar = layer("bad", "mkdir -p a/below; chmod 0777 a/below", "a");
    shell(work.path / "bad", "rm -r a; ln -s " + (work.path / "host").native() + " a; tar -rf ../bad.tar a");
    EXPECT_EQ(after({tar}), "a");
    struct stat status = {};
    ::stat((work.path / "host/below").c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST_F(UnpackTest, a_whiteout_of_no_name_is_refused) {
    for (const char* removed : {"", ".", ".."}) {
        fs::path tar =
            layer(text("of", removed, "."), text("mkdir a; touch a/1 '", "a/.wh.", removed, "'"), "a");
        EXPECT_NE(after({tar}).find(text("a whiteout of '", removed, "', which is no name")),
                  std::string::npos);
        EXPECT_TRUE(fs::exists(tree / "a"));
    }
}

TEST_F(UnpackTest, directories_that_no_tar_names_have_a_fixed_time) {
    fs::path tar = layer("only", "mkdir -p a/b; touch a/b/1", "a/b/1");
    EXPECT_EQ(after({tar}), "a a/b a/b/1");
    struct stat status = {};
    ::stat((tree / "a/b").c_str(), &status);
    EXPECT_EQ(status.st_mtime, 0);
    EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

/// The mode, ACL and contents of what lies beside the tree, and how often it has a name.
struct HostileTest : UnpackTest {
    fs::path victim = work.path / "victim";
    std::string before = {};

    void SetUp() override {
        UnpackTest::SetUp();
        if (IsSkipped()) return;
        shell(work.path,
              "umask 077; echo secret >victim; chmod 0640 victim; mkdir directory; touch directory/1");
        before = state();
    }
    std::string state() {
        std::string shown;
        for (const fs::path& path : {victim, work.path / "directory", work.path / "directory/1"}) {
            struct stat status = {};
            EXPECT_EQ(::stat(path.c_str(), &status), 0);
            shown += text(status.st_mode, " ", status.st_uid, " ", status.st_nlink, " ", status.st_size, " ",
                          status.st_mtime, " ", ::listxattr(path.c_str(), nullptr, 0), "\n");
        }
        return shown + read_file(victim).value();
    }
    /// Entries that Python's tarfile writes: {name, type, linkname, data, pax}.
    fs::path archive(const std::string& entries) {
        shell(work.path, "cat >make.py <<'END'\nimport io, tarfile\nvictim = '" + victim.native() + R"('
tar = tarfile.open('hostile.tar', 'w', format=tarfile.PAX_FORMAT)
def add(name, type=tarfile.REGTYPE, link='', data=b'', mode=0o4777, **pax):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.size = type, link, mode, len(data)
    entry.pax_headers = {key.replace('__', '.'): value for key, value in pax.items()}
    tar.addfile(entry, io.BytesIO(data))
)" + entries + "\ntar.close()\nEND\npython3 make.py");
        return work.path / "hostile.tar";
    }
};

constexpr const char* kAcl = ", SCHILY__acl__access='user::rwx,user:1:rwx,group::rwx,mask::rwx,other::rwx'";

TEST_F(HostileTest, a_hard_link_with_contents_to_a_link_that_leads_out) {
    for (const char* target : {"victim", "'../victim'", "'../../../../../../..' + victim"}) {
        fs::remove_all(tree);
        fs::create_directory(tree);
        after({archive(text("add('usr/a', tarfile.SYMTYPE, ", target,
                            ")\nadd('usr/b', tarfile.LNKTYPE, 'usr/a', b'x'", kAcl, ")"))});
        EXPECT_EQ(state(), before) << target;
        EXPECT_TRUE(fs::is_symlink(fs::symlink_status(tree / "usr/b")));
    }
}

TEST_F(HostileTest, links_of_every_kind_in_the_place_of_directories_and_files) {
    std::string out = "'../../../../../../../..' + victim.rsplit('/', 1)[0]";
    for (const std::string& entries : std::vector<std::string>{
             "add('d', tarfile.SYMTYPE, " + out + ")\nadd('d/victim', data=b'changed')",
             "add('d', tarfile.SYMTYPE, " + out
                 + ")\nadd('d', tarfile.DIRTYPE)\nadd('d/victim', data=b'changed')",
             "add('d', tarfile.SYMTYPE, " + out
                 + ")\nadd('e', tarfile.LNKTYPE, 'd')\nadd('e/victim', data=b'x')",
             "add('f', tarfile.SYMTYPE, victim)\nadd('f', data=b'changed')",
             "add('d', tarfile.SYMTYPE, " + out + ")\nadd('d/.wh.victim')\nadd('d/directory/.wh..wh..opq')",
             "add('d', tarfile.SYMTYPE, " + out + ")\nadd('h', tarfile.LNKTYPE, 'd/victim', b'changed')",
             "add('h', tarfile.LNKTYPE, victim, b'changed')",
             "add('h', tarfile.LNKTYPE, '../victim', b'changed')",
             "add('.', tarfile.SYMTYPE, " + out + ")\nadd('victim', data=b'changed')",
             "add('../victim', data=b'changed')", "add(victim, data=b'changed')",
             "add('a/b', tarfile.DIRTYPE)\nadd('a/b/../../../victim', data=b'changed')"}) {
        fs::remove_all(tree);
        fs::create_directory(tree);
        after({archive(entries)});
        EXPECT_EQ(state(), before) << entries;
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(tree))
            EXPECT_FALSE(fs::is_regular_file(entry.symlink_status()) && fs::equivalent(entry, victim))
                << entries;
    }
}

/// As an escape from the library would find itself.
TEST_F(HostileTest, the_process_that_unpacks_can_do_nothing_else) {
    shell(tree, "cp /bin/busybox program 2>/dev/null || cp /bin/true program; mknod disk b 7 0");
    int outside = ::open(work.path.c_str(), O_RDONLY | O_DIRECTORY);
    Result<std::string> said = run_confined(
        tree, {},
        [&](const Advance&) -> Result<std::string> {
            std::string could;
            auto note = [&](const char* what, bool done) { could += done ? text(what, " ") : ""; };
            note("open-host", ::openat(outside, "victim", O_RDONLY) >= 0);
            note("leave-root", ::chroot("/") == 0);
            note("see-host", ::access((work.path / "victim").c_str(), F_OK) == 0);
            note("open-device", ::open("/disk", O_RDONLY) >= 0);
            note("fork", ::fork() >= 0);
            note("mount", ::mount("none", "/", "tmpfs", 0, nullptr) == 0);
            note("kill", ::kill(::getppid(), 0) == 0);
            note("root", ::setuid(0) == 0);
            ::execl("/program", "program", nullptr);
            return could;
        },
        progress);
    ::close(outside);
    ASSERT_TRUE(said) << describe(said.error());
    EXPECT_EQ(*said, "");
}

TEST_F(HostileTest, more_than_the_limits_is_refused) {
    fs::path many = archive("for i in range(20): add(str(i))");
    EXPECT_NE(after({many}, {.files = 19}).find("more than 19 files; raise the limit with --max-files"),
              std::string::npos);
    fs::path large = archive("add('1', data=b'x' * 100000)");
    EXPECT_NE(after({large}, {.bytes = 99999}).find("--max-size"), std::string::npos);
    shell(work.path, "head -c 50M /dev/zero | gzip >bomb.tar.gz");
    EXPECT_NE(after({work.path / "bomb.tar.gz"}, {.bytes = 1 << 20}).find("1048576"), std::string::npos);
    shell(work.path, "mkdir holes; truncate -s 1T holes/1; tar -C holes --sparse -cf holes.tar .");
    EXPECT_NE(after({work.path / "holes.tar"}).find("more than 68719476736 bytes"), std::string::npos);
}

TEST_F(HostileTest, a_compression_that_needs_another_program_is_not_known) {
    shell(work.path, "mkdir bin; printf '#!/bin/sh\\ntouch %s/ran\\n' $PWD >bin/lrzip; chmod +x bin/lrzip; "
                     "printf 'LRZI\\0\\6%01000d' 0 >x.tar");
    std::string path = ::getenv("PATH");
    ::setenv("PATH", text((work.path / "bin").native(), ":", path).c_str(), 1);
    after({work.path / "x.tar"});
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_FALSE(fs::exists(work.path / "ran"));
}

TEST_F(HostileTest, a_whiteout_below_a_file_removes_nothing) {
    fs::path tar =
        archive("add('etc/marker', data=b'1', mode=0o644)\nadd('etc/again', tarfile.LNKTYPE, 'etc/marker')\n"
                "add('etc/marker/.wh.x')");
    EXPECT_EQ(after({tar}), "etc etc/again etc/marker");
}

TEST_F(HostileTest, a_fifo_is_not_waited_for) {
    shell(work.path, "mkfifo fifo.tar");
    EXPECT_EQ(open_tar(work.path / "fifo.tar").error().what,
              (work.path / "fifo.tar").native() + " is not a regular file");
}

/// Archives of other systems hold attributes and names that no file system here can.
struct ForeignTest : UnpackTest {
    std::vector<std::string>& said = progress.warnings;

    std::string unpacked(const std::string& name) {
        return after({fs::path(SOURCE_DIRECTORY) / "src/head/image/archives" / name});
    }
};

TEST_F(ForeignTest, attributes_of_macos) {
    EXPECT_EQ(unpacked("mac.tar"), "etc etc/marker");
    EXPECT_EQ(join(said, "\n"), "left out 2 attributes or names that the image cannot hold; the first: "
                                "com.apple.provenance of etc/marker");
}

TEST_F(ForeignTest, attributes_of_lustre_and_labels) {
    EXPECT_EQ(unpacked("xattrs.tar"), "a");
    ASSERT_EQ(said.size(), 1U);
    EXPECT_TRUE(said[0].starts_with("left out 3 attributes or names")) << said[0];
    Contents contents = read_contents(tree).value();
    EXPECT_EQ(contents.at("./a").attributes, (std::map<std::string, std::string>{{"user.x", "79"}}));
    EXPECT_LT(::lgetxattr((tree / "a").c_str(), "trusted.overlay.opaque", nullptr, 0), 0);
}

TEST_F(ForeignTest, names_are_bytes) {
    EXPECT_EQ(unpacked("latin1-pax.tar"), "etc etc/sch\xf6n");
    EXPECT_TRUE(said.empty());
    shell(work.path,
          "mkdir latin; cd latin; name=$(printf 'l\\366ng%0200d' 1); echo 1 >$name; ln -s $name link; "
          "ln -s \"$(printf 'to\\366')\" short; tar --format=pax --sort=name -cf ../latin.tar *");
    shell(tree, "rm -r etc");
    EXPECT_EQ(after({work.path / "latin.tar"}), "link l\xf6ng" + std::string(199, '0') + "1 short");
    EXPECT_EQ(fs::read_symlink(tree / "link").native(), "l\xf6ng" + std::string(199, '0') + "1");
    EXPECT_EQ(fs::read_symlink(tree / "short").native(), "to\xf6");
}

TEST_F(ForeignTest, a_name_that_is_too_long) {
    shell(work.path, "python3 -c \"import tarfile; tar = tarfile.open('long.tar', 'w'); "
                     "tar.addfile(tarfile.TarInfo('x' * 300)); tar.addfile(tarfile.TarInfo('y'))\"");
    EXPECT_EQ(after({work.path / "long.tar"}), "y");
    ASSERT_EQ(said.size(), 1U);
    EXPECT_TRUE(said[0].starts_with("left out 1 attribute or name")) << said[0];
}

TEST_F(ForeignTest, access_lists_are_kept) {
    shell(work.path,
          "mkdir lists; cd lists; mkdir d; touch d/1 2; "
          "python3 - <<'END'\nimport os, struct\n"
          "def acl(*entries): return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *one) for one in "
          "entries)\n"
          "no = 0xffffffff\n"
          "some = acl((1, 7, no), (2, 5, 54321), (4, 5, no), (8, 4, 54322), (16, 5, no), (32, 0, no))\n"
          "os.setxattr('2', 'system.posix_acl_access', some)\n"
          "os.setxattr('d', 'system.posix_acl_default', some)\n"
          "END\n"
          "tar --acls -cf ../lists.tar .");
    EXPECT_EQ(after({work.path / "lists.tar"}), "2 d d/1");
    EXPECT_EQ(
        join(differences(read_contents(work.path / "lists").value(), read_contents(tree).value()), "\n"), "");
    EXPECT_TRUE(said.empty()) << said[0];
}

TEST_F(ForeignTest, access_lists_by_name_are_of_the_users_of_the_image) {
    shell(work.path, R"(python3 - <<'END'
import io, tarfile
tar = tarfile.open('named.tar', 'w', format=tarfile.PAX_FORMAT)
def add(name, data=b'', acl=''):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    if acl: info.pax_headers = {'SCHILY.acl.access': acl}
    tar.addfile(info, io.BytesIO(data))
add('etc/passwd', b'root:x:0:0::/:\njoe:x:4321:1::/:\n')
add('known', acl='user::rw-,user:joe:rw-,group::r--,mask::rw-,other::r--')
add('unknown', acl='user::rw-,user:jim:rw-,group::r--,mask::rw-,other::r--')
tar.close()
END
)");
    EXPECT_EQ(after({work.path / "named.tar"}), "etc etc/passwd known unknown");
    Contents contents = read_contents(tree).value();
    std::string acl = contents.at("./known").attributes["system.posix_acl_access"];
    EXPECT_NE(acl.find("02000600e1100000"), std::string::npos) << acl << ": user 4321, rw-";
    EXPECT_TRUE(contents.at("./unknown").attributes.empty());
    ASSERT_EQ(said.size(), 1U);
    EXPECT_TRUE(said[0].ends_with("the first: the ACL of unknown")) << said[0];
}

TEST_F(ForeignTest, second_names_of_links_and_devices) {
    fs::path tar = layer("names", "ln -s nowhere 1; ln 1 2; touch 3; ln 3 4");
    EXPECT_EQ(after({tar}), "1 2 3 4");
    EXPECT_EQ(fs::read_symlink(tree / "2").native(), "nowhere");
}

/// A full disk says no more than this limit does.
TEST_F(UnpackTest, why_it_cannot_be_written_is_said) {
    fs::path tar = layer("large", "head -c 100000 /dev/zero >1");
    rlimit before = {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit small = {4096, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    std::string said = after({tar});
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(said.find("File too large"), std::string::npos) << said;
}

TEST_F(UnpackTest, a_damaged_tar_is_named) {
    fs::path tar = layer("cut", "head -c 100000 /dev/urandom >1");
    fs::resize_file(tar, 50000);
    std::string said = after({tar});
    EXPECT_NE(said.find(tar.native()), std::string::npos) << said;
    EXPECT_NE(said.find("Truncated"), std::string::npos) << said;
}

} // namespace

} // namespace mangrove::head
