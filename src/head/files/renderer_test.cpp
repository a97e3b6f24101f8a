/// With the real mangrove-render, confined as mangrovectl confines it.

#include "head/files/renderer.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <mutex>

#include "head/host/base64.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

constexpr const char* kNode =
    R"({"name":"n001","uuid":"4c4c4544-0044","macs":["52:54:00:12:34:56"],"groups":["compute"],)"
    R"("values":{"rack":2,"size":1048576,"nothing":null,"image":"debian","cluster_name":"one",)"
    R"("kernel":{"version":"6.1","arguments":["quiet"]},"tags":{"ntp":"192.0.2.1","port":8080},)"
    R"("ipmi":{"write":true},)"
    R"("disks":{"/dev/vda":{"wipe_table":true,"partitions":{"swap":{"number":2},"root":{"number":"1"}}}},)"
    R"("filesystems":{"/dev/vda1":{"format":"ext4","path":"/scratch"}}},)"
    R"("interfaces":{"default":{"device":"eth0","mac":"52:54:00:12:34:56","address":"192.0.2.11/24",)"
    R"("address6":"fd00::11/64","mtu":9000,"primary":true,"values":{"tags":{"DNS1":"192.0.2.53"}}},)"
    R"("a":{"device":"ib0","address":"198.51.100.11","netmask":"255.255.0.0","onboot":false}},)"
    R"("bmc":{"kind":"ipmi","address":"192.0.2.211","user":"admin","secret":"s"}})";
constexpr const char* kCommon =
    R"({"set":"base","host":"head","time":1700000000,"server":{"ipaddr":"192.0.2.1","netmask":"255.255.255.0",)"
    R"("ipaddr6":"fd00::1","prefixlen6":"64","warewulf":{"port":9873},"nfs":{"export paths":[{"path":"/home"}]},)"
    R"("tftp":{"ipxe":{"00:07":"boot/ipxe.efi"}}}})";

std::string named(const std::string& name) {
    return R"({"name":")" + name + R"(","values":{},"interfaces":{}})";
}

class RendererTest : public testing::Test {
  protected:
    RendererTest() {
        shell(stage_.path,
              "mkdir -p include/etc include/images/debian/etc && cd include &&"
              "printf 'root:0\\nbin:1\\n# end\\nmore\\n' >etc/list && echo debian >images/debian/etc/name &&"
              "ln -s /etc/shadow shadow && ln -s ../../../../../../etc/shadow below &&"
              "ln -s ../usr/share/zoneinfo/UTC etc/localtime && ln -s loop loop && mkfifo fifo &&"
              "echo secret >etc/secret && chmod 600 etc/secret");
        program_.include = stage_.path / "include";
    }

    /// Returns the result of each template for the first node, or the error.
    std::vector<std::string> render_all(const std::vector<Template>& templates,
                                        std::vector<std::string> nodes = {kNode}) {
        std::vector<std::string> made;
        std::mutex mutex;
        auto take = [&](size_t node, const std::vector<const Rendering*>& renderings) -> Result<> {
            std::lock_guard lock(mutex);
            ++nodes_[node];
            for (const Rendering* one : renderings)
                if (node == 0) made.push_back(shown(*one));
            return {};
        };
        Result<> done = render(program_, {templates, kCommon, std::move(nodes)}, take);
        EXPECT_TRUE(done) << describe(done.error());
        return made;
    }

    std::string render_one(const std::string& text) {
        std::vector<std::string> made = render_all({{"t.tmpl", text}});
        return made.empty() ? "nothing" : made[0];
    }

    static std::string shown(const Rendering& rendering) {
        if (!rendering) return rendering.error().what;
        std::string out;
        for (const RenderedFile& file : *rendering)
            out += (file.name.empty() ? "" : "[" + file.name + "]") + file.contents
                   + (file.target.empty() ? "" : " -> " + file.target);
        return rendering->empty() ? "aborted" : out;
    }

    Stage stage_ = make_test_directory();
    RenderProgram program_{.program = RENDER_PROGRAM};
    std::map<size_t, int> nodes_;
};

TEST_F(RendererTest, HasTheFieldsOfANode) {
    EXPECT_EQ(
        render_one("{{ .Node.Name }} {{ .Node.UUID }} {{ index .MACs 0 }} {{ join \",\" .Node.Groups }} "
                   "{{ .Node.Values.rack }} {{ .Values.size }} {{ .Interfaces.a.device }}"),
        "n001 4c4c4544-0044 52:54:00:12:34:56 compute 2 1048576 ib0");
}

TEST_F(RendererTest, HasTheFieldsOfWarewulf) {
    EXPECT_EQ(
        render_one("{{ .Id }} {{ .Hostname }} {{ .ClusterName }} {{ .ImageName }} {{ .ContainerName }} "
                   "{{ .Kernel.Args | join \" \" }} {{ .Tags.ntp }} {{ .Tags.port }} {{ .ThisNode.Id }}"),
        "n001 n001 one debian debian quiet 192.0.2.1 8080 n001");
    EXPECT_EQ(
        render_one(
            "{{ range $name, $n := .NetDevs }}{{ $name }} {{ $n.Device }} {{ $n.Ipaddr }} "
            "{{ $n.IpCIDR }} {{ $n.IpCIDR6 }} {{ $n.Primary }} {{ $n.OnBoot.BoolDefaultTrue }};{{ end }}"),
        "a ib0 198.51.100.11 198.51.100.11/16  false false;"
        "default eth0 192.0.2.11 192.0.2.11/24 fd00::11/64 true true;");
    EXPECT_EQ(render_one(
                  "{{ .NetDevs.default.Tags.DNS1 }} {{ .NetDevs.default.Hwaddr }} {{ .NetDevs.default.MTU }} "
                  "{{ .Ipmi.Ipaddr }} {{ .Ipmi.UserName }} {{ .Ipmi.Write.Bool }}"),
              "192.0.2.53 52:54:00:12:34:56 9000 192.0.2.211 admin true");
    EXPECT_EQ(
        render_one(
            "{{ range .ThisNode.DiskList }}{{ .Id }}{{ range .PartitionList }} {{ .Id }}{{ end }}{{ end }} "
            "{{ range .ThisNode.FileSystemList }}{{ .Id }} {{ .Path }}{{ end }}"),
        "/dev/vda root swap /dev/vda1 /scratch");
    EXPECT_EQ(render_one("{{ .BuildHost }} {{ .BuildTimeUnix }} {{ .BuildTime }} {{ .Overlay }} {{ .IpCIDR "
                         "}} {{ .Network }} "
                         "{{ .NetworkCIDR6 }} {{ .Warewulf.Port }} {{ (index .Nfs.ExportsExtended 0).Path }} "
                         "{{ index .Tftp.IpxeBinaries \"00:07\" | basename }} {{ .Paths.Sysconfdir }}"),
              "head 1700000000 11-14-2023 22:13:20 UTC base 192.0.2.1/24 192.0.2.0 fd00::/64 9873 /home "
              "ipxe.efi /etc");
    EXPECT_EQ(render_one("{{ range .AllNodes }}{{ .Id }} {{ .NetDevs.a.Ipaddr }}{{ end }}"),
              "n001 198.51.100.11");
    EXPECT_EQ(render_one("{{ IgnitionJson }}"),
              R"({"ignition":{"version":"3.1.0"},"storage":{"disks":[{"device":"/dev/vda","partitions":[)"
              R"({"label":"root","number":1},{"label":"swap","number":2}],"wipeTable":true}],)"
              R"("filesystems":[{"device":"/dev/vda1","format":"ext4","path":"/scratch"}]}})");
}

TEST_F(RendererTest, HasTheFunctionsOfWarewulf) {
    EXPECT_EQ(render_one("{{ Include \"/etc/list\" }}|{{ Include \"etc/list\" | len }}"),
              "root:0\nbin:1\n# end\nmore|23");
    EXPECT_EQ(render_one("{{ Include \"/etc/mangrove/include/etc/list\" | len }}"), "23");
    EXPECT_EQ(render_one("{{ IncludeFrom .ImageName \"/etc/name\" }}"), "debian");
    EXPECT_EQ(render_one("{{ IncludeBlock \"etc/list\" \"# end\" }}"), "root:0\nbin:1\n# end");
    EXPECT_EQ(render_one("{{ basename \"/a/b\" }} {{ inc 1 }} {{ dec 1 }}{{ nobackup }}"), "b 2 0");
    EXPECT_EQ(render_one("{{ UniqueField \":\" 0 \"a:1\\nb\\na:2\\n\\n\" }}"), "a:1\nb\n\n");
    EXPECT_EQ(render_one("{{ SystemdEscape \".a/b-c.d\" }} {{ SystemdEscapePath \"/srv//a-b/\" }} {{ "
                         "SystemdEscapePath \"/\" }}"),
              "\\x2ea-b\\x2dc.d srv-a\\x2db -");
    EXPECT_EQ(render_one("lost{{ file \"a\" }}A{{ file \"/b/c\" }}B"), "[a]A[/b/c]B");
    EXPECT_EQ(render_one("{{ softlink \"/x\" }}{{ file \"a\" }}A"), " -> /x[a]A");
    EXPECT_EQ(render_one("{{ readlink \"/etc/localtime\" }}{{ ImportLink \"/etc/localtime\" }}"),
              "/usr/share/zoneinfo/UTC -> /usr/share/zoneinfo/UTC");
    EXPECT_EQ(render_one("text{{ file \"b\" }}{{ abort }}"), "aborted");
}

TEST_F(RendererTest, GivesTheSameEachTime) {
    EXPECT_EQ(render_one("{{ keys .Values.tags }} {{ values .Values.tags }}"), "[ntp port] [192.0.2.1 8080]");
    for (const char* call :
         {"now", "uuidv4", "randAlpha 3", "shuffle \"abc\"", "genPrivateKey \"rsa\"", "htpasswd \"a\" \"b\"",
          "env \"HOME\"", "expandenv \"$HOME\"", "getHostByName \"a\""}) {
        std::string name = split(call, ' ')[0];
        EXPECT_TRUE(render_one(text("{{ ", call, " }}")).contains("error calling " + name)) << call;
    }
}

TEST_F(RendererTest, NamesAKeyThatIsMissing) {
    EXPECT_EQ(
        render_one("one\n{{ .Values.rakc }}"),
        "template: t.tmpl:2:10: executing \"t.tmpl\" at <.Values.rakc>: map has no entry for key \"rakc\"");
    EXPECT_TRUE(render_one("{{ .Values.nothing }}").contains("no entry for key \"nothing\""));
    EXPECT_TRUE(render_one("{{ .Idd }}").contains("can't evaluate field Idd"));
    EXPECT_TRUE(render_one("{{ if .Idd }}{{ end }}").contains("can't evaluate field Idd"));
    EXPECT_TRUE(render_one("{{ range .Values.disks.x }}{{ end }}").contains("no entry for key \"x\""));
    EXPECT_EQ(
        render_one("one\n{{ index .Values \"rakc\" }}"),
        "template: t.tmpl: line 2 of the output: prints <no value>; the value is not set (use default)");
    EXPECT_EQ(render_one("{{ .Id"), "template: t.tmpl:1: unclosed action");
    EXPECT_EQ(render_one("{{ nope }}"), "template: t.tmpl:1: function \"nope\" not defined");
}

TEST_F(RendererTest, AllowsToAskForAKey) {
    EXPECT_EQ(
        render_one(
            "{{ .Values.x | default 1 }}{{ with .Values.x.y }}a{{ else }}2{{ end }}"
            "{{ if and .Values.rack (not .Tags.x) }}3{{ end }}{{ if eq .Tags.x \"a\" }}b{{ else }}4{{ end }}"
            "{{ coalesce .Values.x .Values.rack }}{{ if $.Values.x }}{{ else if (.Values.rack) }}5{{ end }}"
            "{{ if .NetDevs.none.Ipaddr }}c{{ else }}6{{ end }}{{ .Node.Values.x | default .ThisNode.Id }}"),
        "123425"
        "6n001");
}

TEST_F(RendererTest, ReadsNothingOutsideOfTheIncludeDirectory) {
    for (const char* name :
         {"../../etc/shadow", "/etc/shadow", "shadow", "below", "/proc/self/environ", "missing"})
        EXPECT_TRUE(render_one(text("{{ Include \"", name, "\" }}"))
                        .contains("no such file or directory; templates include"))
            << name;
    EXPECT_TRUE(
        render_one("{{ Include \"/etc\" }}").contains("/etc/mangrove/include/etc: not a regular file"));
    EXPECT_TRUE(render_one("{{ Include \"fifo\" }}").contains("not a regular file"));
    EXPECT_TRUE(render_one("{{ Include \"loop\" }}").contains("too many levels of symbolic links"));
    EXPECT_TRUE(render_one("{{ readlink \"loop\" }}").contains("circle"));
    EXPECT_TRUE(
        render_one("{{ IncludeFrom \"../..\" \"../etc/secret\" }}").contains("/etc/mangrove/include/images"));
    if (::geteuid() == 0) {
        EXPECT_TRUE(render_one("{{ Include \"etc/secret\" }}").contains("make it readable for all"));
    }
}

TEST_F(RendererTest, RendersWithoutAnIncludeDirectory) {
    program_.include = stage_.path / "none";
    EXPECT_EQ(render_one("{{ .Id }}"), "n001");
    EXPECT_TRUE(render_one("{{ Include \"x\" }}").contains("no such file"));
}

class SecretsInTemplates : public RendererTest {
  protected:
    static constexpr const char* kOpen = R"({"name":"n003","bmc":{"secret":"bmc"},"open":true})";

    /// Returns what a template makes for a node, for another one, and for an open one.
    std::vector<std::string> render_for_each(const std::string& written) {
        std::vector<std::string> made(3);
        auto take = [&](size_t node, const std::vector<const Rendering*>& renderings) -> Result<> {
            made[node] = shown(*renderings[0]);
            return {};
        };
        RenderRequest request{
            .templates = {{"t.tmpl", written}},
            .common =
                R"({"secrets":{"munge":")" + base64(kKey) + R"(","bmc":")" + base64("opensesame") + R"("}})",
            .nodes = {R"({"name":"n001","bmc":{"secret":"bmc"}})", R"({"name":"n002"})", kOpen}};
        EXPECT_TRUE(render(program_, request, take));
        return made;
    }

    const std::string kKey = std::string("\0\xff\n", 3);
};

TEST_F(SecretsInTemplates, AreGivenToNodesThatAreKnown) {
    std::vector<std::string> made = render_for_each("{{ secret \"munge\" }}");
    EXPECT_EQ(made[0], kKey);
    EXPECT_EQ(made[1], kKey);
    EXPECT_EQ(made[2],
              "template: t.tmpl:1:3: executing \"t.tmpl\" at <secret \"munge\">: error calling secret: "
              "secret munge: not given to nodes with the trust open; set values.trust=address");
    EXPECT_EQ(render_for_each("{{ if false }}{{ secret \"munge\" }}{{ end }}none")[2], "none");
    EXPECT_TRUE(render_for_each("{{ secret \"mnuge\" }}")[0].ends_with(
        "secret \"mnuge\": not found; write it with mangrovectl secret set mnuge"));
}

TEST_F(SecretsInTemplates, AreThePasswordOfABmc) {
    std::vector<std::string> made =
        render_for_each("{{ .Ipmi.Password }}{{ if .Ipmi.Password }} yes{{ end }}");
    EXPECT_EQ(made[0], "opensesame yes");
    EXPECT_EQ(made[1], "");
    EXPECT_TRUE(made[2].contains("secret bmc: not given")) << made[2];
    made = render_for_each("{{ range .AllNodes }}{{ .Ipmi.Password }}{{ end }}");
    EXPECT_EQ(made[1], "opensesameopensesame");
    EXPECT_TRUE(made[2].contains("secret bmc: not given")) << made[2];
}

TEST_F(SecretsInTemplates, AreInNoError) {
    for (const char* failing :
         {"{{ fail (secret \"bmc\") }}", "{{ secret \"bmc\" | b64enc | fail }}",
          "{{ secret (secret \"bmc\") }}", "{{ Include (secret \"bmc\") }}",
          "{{ mustRegexMatch (secret \"bmc\" | print \"(\") \"\" }}",
          "{{ file (secret \"bmc\" | print \"a/\") }}", "{{ softlink (secret \"bmc\") }}"}) {
        std::string error = render_for_each(failing)[0];
        EXPECT_TRUE(error.starts_with("template: t.tmpl:")) << failing << ": " << error;
        EXPECT_FALSE(error.contains("opensesame") || error.contains(base64("opensesame"))) << error;
    }
    EXPECT_EQ(
        render_for_each("{{ secret \"bmc\" }}\n{{ .Values.rakc }}")[0],
        "template: t.tmpl:2:10: executing \"t.tmpl\" at <.Values.rakc>: failed; why is not shown, because "
        "the template has read a secret");
}

TEST_F(RendererTest, TakesOnlyText) {
    EXPECT_EQ(render_one("\xff\xfe"),
              "template: t.tmpl: not a text in UTF-8; a file without .tmpl or .ww is copied as it is");
    EXPECT_TRUE(render_one(std::string("a\0b", 3)).contains("not a text in UTF-8"));
    EXPECT_EQ(render_one("ñ {{ \"\\xff\" }}"), "ñ \xff");
    EXPECT_TRUE(render_one("{{ file \"a\\x00b\" }}").contains("cannot be the name of a file"));
}

TEST_F(RendererTest, EndsWhatLoopsOrGrows) {
    std::vector<std::string> made = render_all(
        {{"good.tmpl", "{{ .Id }}"},
         {"endless.tmpl", "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}{{ .Id }}"},
         {"recursion.tmpl", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}"},
         {"huge.tmpl",
          "{{ range until 1000000 }}{{ range until 1000000 }}0123456789{{ end }}{{ end }}{{ .Id }}"},
         {"repeat.tmpl", "{{ repeat 100000000 .Id }}"},
         {"until.tmpl", "{{ until 100000000 }}{{ .Id }}"},
         {"memory.tmpl", "{{ $s := .Id }}{{ range until 60 }}{{ $s = print $s $s }}{{ end }}"},
         {"last.tmpl", "{{ .Hostname }}"}},
        {kNode, named("n002"), named("n003")});
    ASSERT_EQ(made.size(), 8u);
    EXPECT_EQ(made[0], "n001");
    EXPECT_EQ(made[1], "template: endless.tmpl: did not end within 2 seconds; does it loop?");
    EXPECT_TRUE(made[2].contains("deeper than 1000; do they recurse?")) << made[2];
    EXPECT_EQ(made[3], "template: huge.tmpl: the output is larger than 16 MiB; does it loop?");
    EXPECT_TRUE(made[4].contains("larger than 16 MiB")) << made[4];
    EXPECT_TRUE(made[5].contains("more than 1000000 numbers")) << made[5];
    EXPECT_TRUE(made[6].starts_with("template: memory.tmpl: ")) << made[6];
    EXPECT_EQ(made[7], "n001");
    EXPECT_EQ(nodes_.size(), 3u);
}

TEST_F(RendererTest, RendersEachNodeOnce) {
    std::vector<std::string> nodes;
    for (int i = 0; i < 500; ++i)
        nodes.push_back(named(text("n", i)));
    std::mutex mutex;
    std::map<size_t, std::string> made;
    auto take = [&](size_t node, const std::vector<const Rendering*>& renderings) -> Result<> {
        std::lock_guard lock(mutex);
        EXPECT_TRUE(made.emplace(node, shown(*renderings[0]) + shown(*renderings[1])).second);
        return {};
    };
    ASSERT_TRUE(render(program_, {{{"a", "{{ .Id }}"}, {"b", "{{ len .AllNodes }}"}}, "{}", nodes}, take));
    ASSERT_EQ(made.size(), 500u);
    for (const auto& [node, contents] : made)
        EXPECT_EQ(contents, text("n", node, 500));
}

TEST_F(RendererTest, EndsWithTheFirstErrorOfWhoTakes) {
    auto take = [](size_t, const std::vector<const Rendering*>&) -> Result<> {
        return permanent_error("full");
    };
    Result<> done = render(program_, {{{"a", "x"}}, "{}", std::vector<std::string>(200, kNode)}, take);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().what, "full");
    program_.program = stage_.path / "none";
    EXPECT_FALSE(render(program_, {{{"a", "x"}}, "{}", {kNode}}, take));
    program_.program = "/bin/true";
    done = render(program_, {{{"a", "x"}}, "{}", {kNode}}, take);
    ASSERT_FALSE(done);
}

} // namespace
} // namespace mangrove::head
