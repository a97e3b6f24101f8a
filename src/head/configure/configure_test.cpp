#include "head/configure/configure.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "head/host/files.h"
#include "head/host/json.h"
#include "head/host/program.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

namespace {

void add(Objects& objects, const std::string& noun, const std::string& name, const std::string& fields) {
    Object object{.noun = noun, .name = name, .fields = parse_json(fields, name).value()};
    ASSERT_TRUE(check_object(object)) << name;
    std::string key = object.key();
    objects.emplace(key, std::move(object));
}

Objects cluster() {
    Objects objects;
    add(objects, "group", "compute", R"({"interfaces":{"default":{"netmask":"255.255.255.0"}}})");
    add(objects, "group", "gpu-a.100", R"({"groups":["compute"]})");
    add(objects, "group", "yes", R"({"match":"n[1-2]"})");
    add(objects, "group", "nobody", "{}");
    add(objects, "node", "n1",
        R"({"groups":["compute"],"interfaces":{"default":{"mac":"52:54:00:12:34:01","address":"10.0.0.1/24"}}})");
    add(objects, "node", "n2",
        R"({"groups":["gpu-a.100"],"interfaces":{
            "default":{"mac":"52:54:00:12:34:02","address":"10.0.0.2","address6":"fd00::2","primary":true},
            "bond0.7":{"mac":"52:54:00:12:34:12","address":"10.7.0.2"},
            "ib0":{"mac":"80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1","address":"10.2.0.2"}}})");
    add(objects, "node", "n10",
        R"({"macs":["52:54:00:12:34:03","52:54:00:12:34:13"],"interfaces":{"default":{"address":"10.0.0.3"}}})");
    add(objects, "node", "login_1.hpc.example", R"({"macs":["52:54:00:12:34:04"]})");
    add(objects, "node", "bare", "{}");
    return objects;
}

Result<Machines> machines(Objects objects) {
    return machines_of(TRY(Inventory::from(std::move(objects))));
}

/// Returns a format's text for the cluster, without its first line.
std::string written(Result<std::string> (*write)(const std::vector<Machine>&)) {
    Result<std::string> text = write(machines(cluster()).value().all);
    return text ? text->substr(text->find('\n') + 1) : text.error().what;
}

bool is_there(const char* program) {
    return std::ranges::any_of(
        std::vector<std::string>{"/usr/bin/", "/usr/sbin/"},
        [&](const std::string& where) { return ::access((where + program).c_str(), X_OK) == 0; });
}

class Configure : public testing::Test {
  protected:
    Configure() : directory_(new_directory()) {}

    std::string file(const std::string& name, const std::string& contents) const {
        fs::path path = directory_.path / name;
        EXPECT_TRUE(write_file(path, contents));
        return path.native();
    }

    /// Returns the output of a real program.
    static std::string run(const std::vector<std::string>& words, std::vector<std::string> environment = {}) {
        Result<std::string> printed = run_program({.words = words, .environment = std::move(environment)});
        return printed ? *printed : "failed: " + describe(printed.error());
    }

    Stage directory_;

  private:
    static std::string new_directory() {
        std::string name = "/tmp/configure_test.XXXXXX";
        return ::mkdtemp(name.data());
    }
};

TEST_F(Configure, Dnsmasq) {
    std::string lines = written(write_dnsmasq);
    EXPECT_EQ(lines, "52:54:00:12:34:04,login_1.hpc.example\n"
                     "52:54:00:12:34:01,set:yes,set:compute,10.0.0.1,n1\n"
                     "52:54:00:12:34:02,set:yes,set:compute,set:gpu-a.100,10.0.0.2,[fd00::2],n2\n"
                     "52:54:00:12:34:12,set:yes,set:compute,set:gpu-a.100,10.7.0.2,n2-bond0-7\n"
                     "52:54:00:12:34:03,52:54:00:12:34:13,10.0.0.3,n10\n");
    if (!is_there("dnsmasq")) GTEST_SKIP() << "no dnsmasq";
    std::string options;
    for (const std::string& line : split(lines, '\n'))
        if (!line.empty()) options += "dhcp-host=" + line + "\n";
    EXPECT_THAT(run({"dnsmasq", "--test", "--conf-file=" + file("dnsmasq.conf", options)}),
                Not(HasSubstr("failed")));
    EXPECT_THAT(run({"dnsmasq", "--test",
                     "--conf-file=" + file("bad.conf", options + "dhcp-host=52:54:00:12:34:01,[x],n1\n")}),
                HasSubstr("failed"));
}

TEST_F(Configure, Kea) {
    std::string list = written(write_kea);
    std::unique_ptr<cJSON, DeleteJson> json(cJSON_Parse(list.c_str()));
    EXPECT_EQ(cJSON_GetArraySize(json.get()), 6);
    EXPECT_EQ(print_json(Json(cJSON_Duplicate(cJSON_GetArrayItem(json.get(), 4), true))),
              R"({"hw-address":"52:54:00:12:34:03","hostname":"n10","ip-address":"10.0.0.3"})");
    EXPECT_EQ(print_json(Json(cJSON_Duplicate(cJSON_GetArrayItem(json.get(), 5), true))),
              R"({"hw-address":"52:54:00:12:34:13","hostname":"n10"})");
    if (!is_there("kea-dhcp4")) GTEST_SKIP() << "no kea-dhcp4";
    std::string reservations = file("reservations.json", write_kea(machines(cluster()).value().all).value());
    std::string configuration = file(
        "kea.conf", R"({"Dhcp4":{"interfaces-config":{"interfaces":[]},"lease-database":{"type":"memfile",)"
                    R"("persist":false},"subnet4":[{"subnet":"10.0.0.0/8"}],"reservations-global":true,)"
                    R"("reservations": <?include ")"
                        + reservations + R"("?>}})");
    EXPECT_THAT(run({"kea-dhcp4", "-t", configuration}), Not(HasSubstr("failed")));
    file("reservations.json", R"([{"hw-address":"52:54"}])");
    EXPECT_THAT(run({"kea-dhcp4", "-t", configuration}), HasSubstr("failed"));
}

TEST_F(Configure, Hosts) {
    EXPECT_EQ(written(write_hosts), "10.0.0.1\tn1\n"
                                    "10.0.0.2\tn2\n"
                                    "fd00::2\tn2\n"
                                    "10.7.0.2\tn2-bond0-7\n"
                                    "10.2.0.2\tn2-ib0\n"
                                    "10.0.0.3\tn10\n");
}

TEST_F(Configure, Genders) {
    EXPECT_EQ(written(write_genders), "bare\n"
                                      "login_1\n"
                                      "n1\tyes,compute\n"
                                      "n2\tyes,compute,gpu-a.100\n"
                                      "n10\n");
    if (!is_there("nodeattr")) GTEST_SKIP() << "no nodeattr";
    std::string path = file("genders", write_genders(machines(cluster()).value().all).value());
    EXPECT_EQ(run({"nodeattr", "-f", path, "-k"}), "");
    EXPECT_EQ(run({"nodeattr", "-f", path, "-c", "compute"}), "n1,n2\n");
    EXPECT_EQ(run({"nodeattr", "-f", path, "-n", "gpu-a.100"}), "n2\n");
    EXPECT_THAT(run({"nodeattr", "-f", file("bad", "n1 a a\n"), "-k"}), HasSubstr("failed"));
}

TEST_F(Configure, ClusterShell) {
    EXPECT_EQ(written(write_clustershell), "mangrove:\n"
                                           "  'all': 'bare,login_1.hpc.example,n[1-2,10]'\n"
                                           "  'compute': 'n[1-2]'\n"
                                           "  'gpu-a.100': 'n2'\n"
                                           "  'yes': 'n[1-2]'\n");
    if (!is_there("nodeset")) GTEST_SKIP() << "no nodeset";
    file("mangrove.yaml", write_clustershell(machines(cluster()).value().all).value());
    file("groups.conf", "[Main]\ndefault: mangrove\nautodir: " + directory_.path.native() + "\n");
    auto nodeset = [&](const char* expression) {
        return run({"nodeset", "-f", expression}, {"CLUSTERSHELL_CFGDIR=" + directory_.path.native()});
    };
    EXPECT_EQ(nodeset("@yes"), "n[1-2]\n");
    EXPECT_EQ(nodeset("@mangrove:gpu-a.100"), "n2\n");
    EXPECT_EQ(nodeset("@*"), "bare,login_1.hpc.example,n[1-2,10]\n");
}

Machine slurm_node(const std::string& name, const std::string& address, const std::string& slurm) {
    return {.name = name, .ports = {{.host = name, .address = address}}, .slurm = slurm};
}

std::string without_comments(const std::string& written) {
    return written.substr(written.rfind("\n", written.find("NodeName=")) + 1);
}

/// Returns the lines for one node, or the error.
std::string slurm_lines(const std::string& slurm) {
    Result<std::string> written = write_slurm({slurm_node("n1", "10.0.0.1", slurm)});
    return written ? without_comments(*written) : written.error().what;
}

TEST_F(Configure, SlurmFoldsNodesInTheOrderOfTheirAddresses) {
    const char* kCpus = R"({"CPUs":4})";
    EXPECT_EQ(
        write_slurm({slurm_node("n008", "10.0.0.1", kCpus), slurm_node("n009", "10.0.0.2", kCpus),
                     slurm_node("n010", "10.0.0.20", kCpus), slurm_node("n1", "10.0.1.7", kCpus),
                     slurm_node("x.b", "10.0.0.9", kCpus), slurm_node("big", "10.0.0.3", R"({"CPUs":8})"),
                     slurm_node("none", "10.0.0.4", ""), slurm_node("named", "", kCpus)})
            .value(),
        "# Written by mangrovectl configure slurm; changes here are lost.\n"
        "# For mangrovectl rollout start --drain slurm, write RebootProgram=/usr/sbin/reboot in slurm.conf.\n"
        "NodeName=n[008-010,1],x.b NodeAddr=10.0.0.[1-2,20],10.0.1.7,10.0.0.9 CPUs=4\n"
        "NodeName=big NodeAddr=10.0.0.3 CPUs=8\n"
        "NodeName=named CPUs=4\n");
}

TEST_F(Configure, SlurmTakesValuesOfNodesAndGroups) {
    Objects objects;
    add(objects, "group", "slurm", R"({"values":{"slurm":{"CPUs":4,"Feature":["a","b"]}}})");
    add(objects, "group", "batch", R"({"values":{"slurm":{"partitions":{"batch":{"Default":true}}}}})");
    add(objects, "node", "n1", R"({"groups":["slurm","batch"]})");
    add(objects, "node", "n2",
        R"({"groups":["slurm","batch"],"values":{"slurm":{"CPUs":8,"Reason":"new board","partitions":{"gpu":{}}}}})");
    std::string written = write_slurm(machines(std::move(objects)).value().all).value();
    EXPECT_EQ(without_comments(written), "NodeName=n1 CPUs=4 Feature=a,b\n"
                                         "NodeName=n2 CPUs=8 Feature=a,b Reason=\"new board\"\n"
                                         "PartitionName=batch Nodes=n[1-2] Default=YES\n"
                                         "PartitionName=gpu Nodes=n2\n");
}

TEST_F(Configure, SlurmNamesWhatItCannotWrite) {
    EXPECT_EQ(slurm_lines(R"({"NodeAddr":"n1-ib0"})"), "NodeName=n1 NodeAddr=n1-ib0\n");
    EXPECT_EQ(slurm_lines("7"), "node n1: values.slurm: expected an object");
    EXPECT_EQ(slurm_lines(R"({"CPUs":{"a":1}})"),
              "node n1: values.slurm.CPUs: expected a text, a number, a boolean or a list of them");
    EXPECT_EQ(
        slurm_lines(R"({"Reason":"a\nNodeName=x"})"),
        "node n1: values.slurm.Reason: \"a\\nNodeName=x\" is empty or has a character that slurm.conf does "
        "not take");
    for (const char* value : {"", "a\\\"b", "a#b", "a\\\\b"})
        EXPECT_THAT(slurm_lines(text(R"({"Reason":")", value, R"("})")), HasSubstr("does not take")) << value;
    EXPECT_EQ(slurm_lines(R"({"CPUs 4":1})"),
              "node n1: values.slurm.CPUs 4: use a parameter of slurm.conf(5), which has letters alone");
    EXPECT_EQ(slurm_lines(R"({"nodename":"x"})"),
              "node n1: values.slurm.nodename: it is written by itself; remove it");
    EXPECT_EQ(slurm_lines(R"({"partitions":{"default":{}}})"),
              "node n1: values.slurm.partitions.default: the name means all partitions; choose another");
    EXPECT_THAT(slurm_lines(R"({"partitions":{"a b":{}}})"), HasSubstr("invalid partition name \"a b\""));
    EXPECT_THAT(slurm_lines(R"({"NodeAddr":"a,b"})"),
                HasSubstr("values.slurm.NodeAddr: expected one address"));
    EXPECT_EQ(
        write_slurm({slurm_node("n1", "", R"({"partitions":{"a":{"MaxTime":1}}})"),
                     slurm_node("n2", "", R"({"partitions":{"a":{"MaxTime":2}}})")})
            .error()
            .what,
        "node n1 and node n2: values.slurm.partitions.a differs, MaxTime=1 and MaxTime=2; give it in one "
        "group");
    EXPECT_THAT(write_slurm({slurm_node("default", "", "{}")}).error().what,
                HasSubstr("node default: Slurm takes the name for all nodes; rename it"));
}

TEST_F(Configure, NoNodes) {
    for (const ConfigurationFormat& format : configuration_formats())
        EXPECT_THAT(format.write({}).value(), HasSubstr(text("mangrovectl configure ", format.name, ";")));
}

TEST_F(Configure, NamesThatAFormatTakesForSomethingElse) {
    for (const char* name : {"",
                             "a\nb",
                             "a b",
                             "a,b",
                             "a#b",
                             "a\"b",
                             "a'b",
                             "a:b",
                             "a=b",
                             "a%b",
                             "a[1-2]",
                             "@a",
                             "~a",
                             "-a",
                             "a\\b",
                             "${a}",
                             "<?include \"/etc/shadow\"?>",
                             "a\t",
                             "\xc3\xa9",
                             "all"}) {
        Machine machine{.name = name, .ports = {{name, {"52:54:00:12:34:01"}, "10.0.0.1"}}};
        Machine grouped{.name = "n1", .groups = {name}, .ports = {{"n1", {"52:54:00:12:34:01"}}}};
        for (const ConfigurationFormat& format : configuration_formats())
            EXPECT_FALSE(format.write({machine})) << format.name << " " << name;
        for (auto* write : {write_dnsmasq, write_genders, write_clustershell})
            EXPECT_FALSE(write({grouped})) << name;
    }
    for (const char* name : {"10.0.0.1", "1234", "1.2"})
        for (auto* write : {write_dnsmasq, write_kea, write_hosts})
            EXPECT_FALSE(write({{.name = name, .ports = {{name, {"52:54:00:12:34:01"}, "10.0.0.2"}}}}))
                << name;
    for (const char* name : {"infinite", "ignore", "12h", "3d"})
        EXPECT_FALSE(write_dnsmasq({{.name = name, .ports = {{name, {"52:54:00:12:34:01"}}}}})) << name;
    for (const char* address : {"10.0.0.1,set:x", "10.0.0.1\n", "x", "::1", "10.0.0.1#"})
        for (auto* write : {write_dnsmasq, write_kea, write_hosts})
            EXPECT_FALSE(write({{.name = "n1", .ports = {{"n1", {"52:54:00:12:34:01"}, address}}}}))
                << address;
    for (const char* mac : {"52:54:00:12:34:0g", "id:x", "52:54:00:12:34:01,ignore", ""})
        for (auto* write : {write_dnsmasq, write_kea})
            EXPECT_FALSE(write({{.name = "n1", .ports = {{"n1", {mac}}}}})) << mac;
}

TEST_F(Configure, WhatTwoNodesShareIsAnError) {
    Objects objects;
    add(objects, "node", "a", R"({"interfaces":{"x":{"address":"10.0.0.1"}}})");
    add(objects, "node", "b", R"({"interfaces":{"x":{"address":"10.0.0.1/24"}}})");
    EXPECT_EQ(machines(std::move(objects)).error().what,
              "node a and node b: both have the address 10.0.0.1; change one");
    objects.clear();
    add(objects, "node", "a", R"({"interfaces":{"x":{"address":"10.0.0.1"},"y":{"address":"10.0.0.2"}}})");
    add(objects, "node", "a-y", R"({"interfaces":{"x":{"address":"10.0.0.3"}}})");
    EXPECT_EQ(machines(std::move(objects)).error().what,
              "node a and node a-y: an interface of one has the name of the other, a-y; rename one");
    EXPECT_THAT(write_genders({{.name = "a.x"}, {.name = "a.y"}}).error().what,
                HasSubstr("node a.x and node a.y: genders takes short names alone"));
}

TEST_F(Configure, InfinibandIsLeftOutWithAWarning) {
    EXPECT_THAT(machines(cluster()).value().warnings,
                ElementsAre(HasSubstr("node n2: interfaces.ib0.mac: 80:00:02:08:")));
}

TEST_F(Configure, FilesAreReplacedOnlyWhenTheyDiffer) {
    fs::path path = directory_.path / "hosts";
    std::string contents = write_hosts({}).value();
    EXPECT_EQ(replace_configuration(path, contents, Foreign::is_refused), true);
    struct stat before = {};
    struct stat after = {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    EXPECT_EQ(replace_configuration(path, contents, Foreign::is_refused), false);
    ASSERT_EQ(::stat(path.c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_EQ(replace_configuration(path, contents + "10.0.0.1\tn1\n", Foreign::is_refused), true);
    ASSERT_EQ(::stat(path.c_str(), &after), 0);
    EXPECT_NE(before.st_ino, after.st_ino);
    file("hosts", "127.0.0.1 localhost\n");
    EXPECT_THAT(replace_configuration(path, contents, Foreign::is_refused).error().what,
                HasSubstr("hosts: not written by mangrovectl configure; --force replaces it"));
    EXPECT_EQ(read_file(path).value(), "127.0.0.1 localhost\n");
    EXPECT_EQ(replace_configuration(path, contents, Foreign::is_replaced), true);
    EXPECT_FALSE(replace_configuration(directory_.path, contents, Foreign::is_replaced));
}

} // namespace
