#include "head/image/build.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/program.h"
#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

struct BuildTest : testing::Test {
    Stage work = make_test_directory();
    Store store{work.path / "store"};
    CollectedProgress progress;

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "owners need root";
        fs::create_directory(work.path / "tree");
        fill_tree(work.path / "tree");
    }

    Result<Image> build(const fs::path& from, const OciChoice& choice = {}) {
        return TRY(build_image(store,
                               {.name = "test",
                                .from = work.path / from,
                                .packing = {.compression = "zstd:1"},
                                .choice = choice,
                                .boot = {}},
                               progress))
            .image;
    }
    Result<Image> build_by(const fs::path& recipe) {
        return TRY(build_image(store,
                               {.name = "test",
                                .recipe = work.path / recipe,
                                .packing = {.compression = "zstd:1"},
                                .choice = {},
                                .boot = {}},
                               progress))
            .image;
    }
    Image built(const fs::path& from, const OciChoice& choice = {}) {
        Result<Image> image = build(from, choice);
        EXPECT_TRUE(image) << describe(image.error());
        return image.value_or(Image{});
    }
    std::string problem_with(const fs::path& from, const OciChoice& choice = {}) {
        Result<Image> image = build(from, choice);
        return image ? "" : describe(image.error());
    }
    std::string names_in(const Image& image) {
        Contents contents = parse_contents(read_file(image.contents()).value()).value();
        std::vector<std::string> names;
        for (const auto& [name, record] : contents)
            names.push_back(name);
        return join(names, " ");
    }
    static fs::path test_data(const std::string& name) {
        return fs::path(SOURCE_DIRECTORY) / "src/head/image/archives" / name;
    }
    /// For the shell.
    static std::string quoted(const fs::path& path) { return text("'", path.native(), "'"); }
    /// An OCI layout of two layers; the second one takes etc/one away.
    void make_layout(const std::string& name) {
        shell(work.path, R"(
            mkdir -p )" + name
                             + R"(/blobs/sha256 upper/etc; cd )" + name + R"(
            blob() { digest=$(sha256sum $1 | cut -c1-64); size=$(stat -c %s $1); mv $1 blobs/sha256/$digest; }
            tar -C ../tree --xattrs --xattrs-include='*' -czf lower .
            blob lower; layers="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$digest\",\"size\":$size}"
            touch ../upper/etc/.wh.one; tar -C ../upper -c . | zstd -q >top
            blob top; layers="$layers,{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+zstd\",\"digest\":\"sha256:$digest\",\"size\":$size}"
            echo "{\"schemaVersion\":2,\"layers\":[$layers]}" >manifest; blob manifest
            for architecture in amd64 riscv64; do
                echo "{\"digest\":\"sha256:$digest\",\"size\":$size,\"platform\":{\"os\":\"linux\",\"architecture\":\"$architecture\"},\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}"
            done | paste -sd, | sed 's/.*/{"schemaVersion":2,"manifests":[&]}/' >index.json
            echo '{"imageLayoutVersion":"1.0.0"}' >oci-layout
        )");
    }
};

TEST_F(BuildTest, a_list_does_not_look_into_what_is_being_built) {
    // Root cannot read there either, as mangrove-head cannot in a directory of root's.
    fs::create_directory(work.path / "store");
    fs::create_symlink(".building-1", work.path / "store/.building-1");
    Result<std::vector<Image>> images = store.list();
    ASSERT_TRUE(images) << describe(images.error());
    EXPECT_TRUE(images->empty());
}

TEST_F(BuildTest, an_image_has_its_digest_in_its_name) {
    Image image = built("tree");
    std::string digest = digest_of_file(image.file()).value();
    EXPECT_EQ(image.id, "test-" + digest.substr(0, 12));
    EXPECT_EQ(image.digest, "sha256:" + digest);
    EXPECT_EQ(image.file(), work.path / "store" / image.id / (image.id + ".squashfs"));
    Image found = store.find("test").value();
    EXPECT_EQ(found.id, image.id);
    EXPECT_EQ(found.size, fs::file_size(image.file()));
    EXPECT_EQ(built("tree").id, image.id) << "the same bytes are the same image";
    EXPECT_EQ(store.list()->size(), 1U);
    for (const fs::directory_entry& entry : fs::directory_iterator(work.path / "store"))
        EXPECT_EQ(entry.path().filename(), image.id);
}

TEST_F(BuildTest, a_tar_and_the_tree_that_it_was_made_from_give_the_same_image) {
    shell(work.path / "tree",
          "tar --xattrs --xattrs-include='*' --sparse --format=pax --sort=name -cJf ../tree.tar.xz .");
    EXPECT_EQ(built("tree.tar.xz").id, built("tree").id);
}

TEST_F(BuildTest, an_oci_layout_and_its_archive_give_the_same_image) {
    make_layout("layout");
    Image image = built("layout");
    std::string names = names_in(image);
    EXPECT_EQ(names.find("./etc/one "), std::string::npos) << names;
    EXPECT_NE(names.find("./etc/one-again "), std::string::npos) << names;
    shell(work.path / "layout", "tar -cf ../archive.tar .");
    EXPECT_EQ(built("archive.tar").id, image.id);
}

TEST_F(BuildTest, the_names_of_a_file_stay_those_of_one) {
    fs::path file = work.path / "tree/etc/one";
    auto last_access = [&] {
        struct stat status = {};
        EXPECT_EQ(::stat(file.c_str(), &status), 0);
        return status.st_atime;
    };
    shell(work.path / "tree", "touch -a -d '2001-02-03 04:05:06 UTC' etc/one");
    time_t before = last_access();
    EXPECT_TRUE(digest_of_file(file));
    EXPECT_EQ(last_access(), before) << "mksquashfs would take it for two files";
}

TEST_F(BuildTest, a_docker_archive) {
    make_layout("layout");
    shell(work.path, R"(
        mkdir saved; cd layout
        tar -C ../tree --xattrs --xattrs-include='*' -cf ../saved/lower.tar .
        tar -C ../upper -cf ../saved/upper.tar .
        cd ../saved
        for name in lower upper; do
            digest=$(sha256sum $name.tar | cut -c1-64); mkdir $digest; mv $name.tar $digest/layer.tar
            echo "\"$digest/layer.tar\"" >>names; echo "\"sha256:$digest\"" >>digests
        done
        paste -sd, names | sed 's/.*/[{"RepoTags":["example:v1"],"Config":"config.json","Layers":[&]}]/' >manifest.json
        paste -sd, digests | sed 's/.*/{"rootfs":{"type":"layers","diff_ids":[&]}}/' >config.json
        tar -cf ../saved.tar [0-9a-f]*/ manifest.json config.json
    )");
    EXPECT_EQ(built("saved.tar").id, built("layout").id);
    EXPECT_EQ(built("saved.tar", {.reference = "example:v1"}).id, built("layout").id);
    shell(work.path,
          "cp -a saved compressed; cd compressed; for f in */layer.tar; do gzip $f; mv $f.gz $f; done");
    EXPECT_EQ(built("compressed").id, built("layout").id);
    shell(work.path, "cp -a saved damaged; cd damaged; for f in */layer.tar; do echo more >>$f; done");
    EXPECT_NE(problem_with("damaged").find("is damaged: its contents have another digest"),
              std::string::npos);
}

TEST_F(BuildTest, an_image_of_docker_has_its_name_in_another_place) {
    make_layout("layout");
    shell(work.path / "layout",
          R"(sed -i 's,"org.opencontainers.image.ref.name",)"
          R"("io.containerd.image.name":"docker.io/library/example:v1"\,&,g' index.json)");
    std::string id = built("layout").id;
    for (const char* name : {"example:v1", "library/example:v1", "docker.io/library/example:v1", "v1"})
        EXPECT_EQ(built("layout", {.reference = name}).id, id) << name;
    EXPECT_NE(problem_with("layout", {.reference = "other:v1"}).find("there are example:v1 for amd64"),
              std::string::npos);
}

/// The archives of other builders, with one layer each.
TEST_F(BuildTest, archives_of_crane_kaniko_and_jib) {
    for (const char* name : {"crane.tar", "jib.tar"})
        EXPECT_EQ(names_in(built(test_data(name))), ". ./etc ./etc/marker ./sbin ./sbin/init") << name;
    // The names are all that says that it is no root.
    shell(work.path, "mkdir late; cd late; tar -xf " + quoted(test_data("jib.tar"))
                         + "; tar -cf ../late.tar [0-9a-f]*.tar.gz config.json manifest.json");
    EXPECT_EQ(built("late.tar").id, built(test_data("jib.tar")).id);
    shell(work.path, "cd late; sed -i s/bfed84d9/bfed84d8/ config.json; tar -cf ../changed.tar *");
    EXPECT_NE(problem_with("changed.tar").find("is damaged: its contents have another digest"),
              std::string::npos);
}

TEST_F(BuildTest, a_root_with_a_file_of_such_a_name_is_a_root) {
    shell(work.path / "tree", "echo '{}' >manifest.json; tar -cf ../root.tar manifest.json etc usr");
    EXPECT_NE(names_in(built("root.tar")).find("./etc/one"), std::string::npos);
}

TEST_F(BuildTest, variants_of_an_architecture) {
    const std::string plain = "a8c1124798579b83399ad6221f293620b89eabae8edb95b4fea78866e5a90f6e";
    const std::string second = "552967dd67fecfacc70bca3a064ff00425e84605fa8f404b33df649bb1b8b89c";
    shell(work.path, "cp -r " + quoted(test_data("variants"))
                         + " only-plain; cp -r only-plain only-second; rm only-plain/blobs/sha256/" + second
                         + " only-second/blobs/sha256/" + plain);
    EXPECT_TRUE(build("only-plain", {.architecture = "amd64"}));
    EXPECT_TRUE(build("only-plain", {.architecture = "amd64/v1"}));
    EXPECT_TRUE(build("only-plain", {.digest = "sha256:" + plain}));
    EXPECT_NE(problem_with("only-plain", {.architecture = "amd64/v2"}).find(second), std::string::npos);
    EXPECT_TRUE(build("only-second", {.architecture = "amd64/v2"}));
    EXPECT_TRUE(build("only-second", {.digest = "sha256:" + second}));
    EXPECT_NE(problem_with("only-second", {.architecture = "amd64"}).find(plain), std::string::npos);
    EXPECT_TRUE(build("only-plain", {.architecture = "arm64"}));
    EXPECT_NE(problem_with("only-plain", {.architecture = "amd64/v3"})
                  .find("there are (without a name) for amd64, (without a name) for amd64/v2, "
                        "(without a name) for arm64\n"),
              std::string::npos);
    EXPECT_NE(problem_with("only-plain", {.digest = "sha256:1"}).find("'sha256:1' is not one of sha256"),
              std::string::npos);
}

TEST_F(BuildTest, attestations_and_second_names_are_no_images) {
    built(test_data("attested"), {.architecture = "amd64"});
    EXPECT_NE(problem_with(test_data("attested"), {.architecture = "unknown"})
                  .find("there are (without a name) "
                        "for amd64\n"),
              std::string::npos);
    make_layout("layout");
    shell(work.path / "layout", R"(sed -i 's/"riscv64"/"amd64"/; s/v1/v2/2' index.json)");
    EXPECT_TRUE(build("layout", {.architecture = "amd64"}));
}

TEST_F(BuildTest, a_huge_index_is_not_read) {
    make_layout("layout");
    shell(work.path / "layout", "truncate -s 3G index.json");
    EXPECT_NE(problem_with("layout").find("has 3221225472 bytes, more than the 16777216"), std::string::npos);
}

TEST_F(BuildTest, a_layer_that_is_a_link_stays_in_the_archive) {
    shell(work.path, R"(
        tar -C tree -cf backup.tar .; mkdir saved; cd saved
        ln -s ../backup.tar layer.tar; echo '[{"Layers":["layer.tar"]}]' >manifest.json
        tar -cf ../saved.tar manifest.json layer.tar
    )");
    EXPECT_NE(problem_with("saved.tar").find("looking up layer.tar in"), std::string::npos);
    EXPECT_NE(problem_with("saved").find("looking up layer.tar in"), std::string::npos);
    shell(work.path, "rm saved/layer.tar; mkfifo saved/layer.tar");
    EXPECT_NE(problem_with("saved").find("layer.tar is not a regular file"), std::string::npos);
}

TEST_F(BuildTest, a_link_to_a_kernel_of_the_host_brings_none) {
    std::string outside = (work.path / "outside").native();
    shell(
        work.path,
        "mkdir -p outside/1.0; echo secret >outside/vmlinuz-1.0; cp outside/vmlinuz-1.0 outside/1.0/vmlinuz");
    for (const std::string& links :
         std::vector<std::string>{"ln -s " + outside + " usr/lib/modules",
                                  "mkdir -p usr/lib/modules/1.0; ln -s " + outside + " boot",
                                  "mkdir -p usr/lib/modules/1.0; ln -s ../../../../../outside/vmlinuz-1.0 "
                                  "usr/lib/modules/1.0/vmlinuz"}) {
        shell(work.path / "tree", "rm -rf boot usr/lib/modules; " + links);
        EXPECT_EQ(built("tree").kernel_version, "") << links;
    }
}

TEST_F(BuildTest, a_kernel_whose_version_is_no_name_is_passed_over) {
    for (const char* name : {"1.0\nkernel http://192.0.2.1/x", "1.0 quiet", "-1", ".1", "${net0}", "1'"})
        shell(work.path / "tree", "mkdir -p " + command_line({text("usr/lib/modules/", name)}) + "; echo 1 >"
                                      + command_line({text("usr/lib/modules/", name, "/vmlinuz")}));
    EXPECT_EQ(built("tree").kernel_version, "");
}

TEST_F(BuildTest, says_what_is_wrong_with_a_layout) {
    make_layout("layout");
    std::string at = (work.path / "layout").native();
    std::string end = "\n  while reading the OCI image " + at + "\n  while reading " + at;
    EXPECT_EQ(problem_with("layout", {.reference = "v2"}),
              "none of its images fits (--reference NAME, --architecture NAME, --digest DIGEST); there are "
              "v1 for amd64, v1 "
              "for riscv64"
                  + end);
    EXPECT_EQ(problem_with("layout", {.architecture = "s390x"}),
              "none of its images fits (--reference NAME, --architecture NAME, --digest DIGEST); there are "
              "v1 for amd64, v1 "
              "for riscv64"
                  + end);
    shell(work.path / "layout", "for f in blobs/sha256/*; do echo >>$f; done");
    EXPECT_NE(problem_with("layout").find("is damaged: its contents have another digest"), std::string::npos);
}

TEST_F(BuildTest, says_what_is_wrong_with_a_source) {
    EXPECT_EQ(problem_with("not-there"), "there is no '" + (work.path / "not-there").native() + "'"
                                             + "\n  while reading " + (work.path / "not-there").native());
    EXPECT_NE(problem_with("tree", {.reference = "v1"}).find("--reference, --architecture and --digest need"),
              std::string::npos);
    shell(work.path, "yes noise | head -c 5000 >noise");
    EXPECT_NE(problem_with("noise").find("is neither a tar nor a saved image"), std::string::npos);
    EXPECT_EQ(fs::exists(work.path / "store" / "noise"), false);
}

TEST_F(BuildTest, a_recipe_fills_the_directory) {
    shell(work.path, "printf '#!/bin/sh\\nset -e\\ncp -a \"$(dirname \"$0\")/tree/.\" \"$1\"\\n' >recipe; "
                     "chmod +x recipe");
    Result<Image> image = build_by("recipe");
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(image->id, built("tree").id);
    shell(work.path, "printf '#!/bin/sh\\nexit 3\\n' >failing; chmod +x failing");
    EXPECT_NE(describe(build_by("failing").error()).find("failing failed with exit code 3"),
              std::string::npos);
}

TEST_F(BuildTest, a_program_with_the_name_of_a_tar_is_not_run) {
    shell(work.path, "printf '#!/bin/sh\\ntouch %s/ran\\necho 1 >$1/1\\n' $PWD >x.tar; chmod +x x.tar");
    EXPECT_NE(problem_with("x.tar").find("it is a program; run it as a recipe with --recipe "),
              std::string::npos);
    EXPECT_FALSE(fs::exists(work.path / "ran"));
}

TEST_F(BuildTest, what_a_recipe_mounts_goes_with_it) {
    shell(work.path,
          "mkdir host; echo kept >host/file; "
          "printf '#!/bin/sh\\nset -e\\necho 1 >$1/1\\nmkdir $1/dev\\nmount --bind %s/host $1/dev\\n' $PWD "
          ">recipe; chmod +x recipe");
    EXPECT_EQ(names_in(build_by("recipe").value()), ". ./1 ./dev");
    EXPECT_TRUE(fs::exists(work.path / "host/file"));
    EXPECT_EQ(read_file("/proc/self/mountinfo")->find(work.path.native()), std::string::npos);
}

TEST_F(BuildTest, what_a_killed_build_left_is_removed) {
    fs::create_directories(work.path / "store/.building-left/tree");
    shell(work.path / "store/.building-left", "touch lock tree/file");
    built("tree");
    EXPECT_FALSE(fs::exists(work.path / "store/.building-left"));
}

TEST_F(BuildTest, a_build_under_way_is_left_alone) {
    Store::Workshop other = store.open_workshop().value();
    built("tree");
    EXPECT_TRUE(fs::exists(other.stage.path));
}

TEST_F(BuildTest, differences_of_two_images) {
    Image before = built("tree");
    shell(work.path / "tree",
          "echo two >etc/two; echo more >>usr/lib/large; rm dev/fifo; chmod 0644 usr/bin/su; "
          "ln -sf one usr/lib/link; setcap -r usr/bin/ping");
    Image after = built("tree");
    auto contents = [](const Image& image) {
        return parse_contents(read_file(image.contents()).value()).value();
    };
    EXPECT_EQ(join(differences(contents(before), contents(after)), "\n"),
              "- ./dev/fifo\n+ ./etc/two\n~ ./usr/bin/ping: attributes\n"
              "~ ./usr/bin/su: mode 4755 to 0644\n"
              "~ ./usr/lib/large: contents (300000 to 300005 bytes)\n"
              "~ ./usr/lib/link: to one, was ../etc/one, owner 5:6 to 0:0");
    EXPECT_EQ(store.find("test")->id, store.list()->back().id);
}

TEST_F(BuildTest, the_same_image_again_has_the_new_kernel_and_time) {
    auto add = [&](const std::string& version, const std::string& kernel) {
        Store::Workshop workshop = store.open_workshop().value();
        shell(workshop.stage.path,
              "mkdir made; cd made; echo bytes >one-1.squashfs; echo files | tee packages >contents; echo "
                  + kernel + " | tee vmlinuz-" + version + " >initramfs-" + version);
        Image image = {};
        image.name = "one";
        image.id = "one-1";
        image.format = "squashfs";
        image.kernel_version = version;
        return store.add(image, workshop.stage.path / "made").value();
    };
    Image first = add("1.0", "old");
    Stage served(work.path / "served");
    fs::create_directory(served.path);
    fs::create_hard_link(first.file(), served.path / "image");
    fs::create_hard_link(first.kernel(), served.path / "kernel");
    EXPECT_LT(first.sequence, add("1.0", "new").sequence);
    EXPECT_EQ(read_file(first.kernel()).value(), "new\n");
    EXPECT_EQ(read_file(served.path / "kernel").value(), "old\n");
    EXPECT_TRUE(fs::equivalent(first.file(), served.path / "image"));
    Image last = add("2.0", "newer");
    EXPECT_EQ(store.find("one")->kernel(), last.kernel());
    EXPECT_EQ(read_file(last.initramfs()).value(), "newer\n");
    EXPECT_FALSE(fs::exists(first.kernel()));
}

TEST_F(BuildTest, the_one_built_last_is_meant_though_it_is_the_same_again) {
    Image first = built("tree");
    shell(work.path / "tree", "touch new");
    EXPECT_NE(built("tree").id, first.id);
    shell(work.path / "tree", "rm new; touch -d '2024-03-05 06:07:08 UTC' .");
    EXPECT_EQ(built("tree").id, first.id);
    EXPECT_EQ(store.find("test")->id, first.id);
}

TEST_F(BuildTest, the_one_built_last_is_meant_though_the_clock_was_ahead) {
    Image first = built("tree");
    shell(first.directory, R"(sed -i 's/"created":[^,]*/"created": "2099-01-01T00:00:00.000Z"/' image.json)");
    shell(work.path / "tree", "touch new");
    EXPECT_EQ(store.find("test")->created.substr(0, 4), "2099");
    Image second = built("tree");
    EXPECT_EQ(store.find("test")->id, second.id);
}

TEST_F(BuildTest, a_profile_belongs_to_its_image) {
    auto build_with = [&](std::optional<BootProfile> profile) {
        Packing packing = {.compression = "zstd:1", .profile = std::move(profile)};
        return build_image(
                   store,
                   {.name = "test", .from = work.path / "tree", .packing = packing, .choice = {}, .boot = {}},
                   progress)
            .value()
            .image;
    };
    EXPECT_EQ(build_with({}).profile_digest, "");
    BootProfile profile = {.files = {{"/etc/one", {{0, 1}}}}};
    Image image = build_with(profile);
    EXPECT_EQ(image.id, build_with(profile).id);
    Image found = store.find(image.id).value();
    EXPECT_EQ(found.profile_digest, "sha256:" + digest_of_text(to_text(profile)));
    EXPECT_EQ(read_profile(found.profile()).value().files, profile.files);
    EXPECT_EQ(text_at(description_of(found).get(), "profile"), found.profile_digest);
}

TEST_F(BuildTest, references) {
    Image image = built("tree");
    EXPECT_EQ(store.find(image.id.substr(0, 8))->id, image.id);
    EXPECT_EQ(store.find("tset").error().what,
              "there is no image 'tset' in " + store.directory().native() + "; did you mean 'test'?");
    EXPECT_EQ(
        check_image_name("../x").error().what,
        "an image cannot be called '../x': a name has up to 64 letters, digits, '.', '_' and '-' and begins "
        "with a letter or digit");
}

} // namespace

} // namespace mangrove::head
