#include "head/power/power.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/files/secrets.h"
#include "head/host/testing/full_tree.h"
#include "head/power/programs.h"

namespace mangrove::head {
namespace {

using ::testing::ElementsAre;

class FakeDevice : public PowerDevice {
  public:
    explicit FakeDevice(PowerState state) : state_(state) {}

    Result<PowerState> state() override { return state_; }
    Result<> change(PowerOrder order) override {
        orders.push_back(order);
        return {};
    }
    std::vector<PowerOrder> orders = {};

  private:
    PowerState state_;
};

TEST(Power, ChangesOnlyWhatIsOtherwise) {
    struct Case {
        PowerState before;
        PowerOrder order;
        std::vector<PowerOrder> given;
        PowerState after;
    };
    using enum PowerState;
    for (const Case& one : std::initializer_list<Case>{
             {on, PowerOrder::status, {}, on},
             {on, PowerOrder::on, {}, on},
             {off, PowerOrder::on, {PowerOrder::on}, on},
             {unknown, PowerOrder::on, {PowerOrder::on}, on},
             {off, PowerOrder::off, {}, off},
             {on, PowerOrder::off, {PowerOrder::off}, off},
             {on, PowerOrder::cycle, {PowerOrder::cycle}, on},
             {unknown, PowerOrder::cycle, {PowerOrder::cycle}, on},
             {off, PowerOrder::cycle, {PowerOrder::on}, on},
         }) {
        FakeDevice device(one.before);
        EXPECT_EQ(obey(device, one.order, {}), one.after);
        EXPECT_EQ(device.orders, one.given);
    }
}

TEST(Power, LeavesANodeThatIsNotMeantAnyMore) {
    FakeDevice device(PowerState::on);
    EXPECT_EQ(obey(device, PowerOrder::cycle, [] { return false; }), PowerState::on);
    EXPECT_FALSE(obey(device, PowerOrder::cycle, [] { return permanent_error("away"); }));
    EXPECT_THAT(device.orders, ElementsAre());
}

TEST(Power, IpmitoolIsUnderstood) {
    Bmc bmc{.node = "n1", .kind = "ipmi", .address = {"bmc1", {}}, .user = "root"};
    EXPECT_EQ(ipmitool_state("Chassis Power is on\n"), PowerState::on);
    EXPECT_EQ(ipmitool_state("Chassis Power is off\n"), PowerState::off);
    EXPECT_EQ(ipmitool_state(""), PowerState::unknown);
    constexpr const char* kEnd = "\nError: Unable to establish IPMI v2 / RMCP+ session";
    for (const auto& [said, problem] : std::initializer_list<std::pair<std::string, const char*>>{
             {"> RAKP 2 HMAC is invalid", "wrong password; set bmc.secret"},
             {"RAKP 2 message indicates an error : unauthorized name",
              "the BMC does not know the user 'root'; set bmc.user"},
             {"RAKP 2 message indicates an error : invalid role",
              "the user 'root' may not switch power; give it the role operator"},
             {"This BMC does not support IPMI v2 / RMCP+",
              "the BMC does not offer IPMI 2.0; enable it there"},
             {"Address lookup for bmc1 failed", "no address for the name bmc1; set bmc.address"},
             {"Error issuing Get Channel Authentication Capabilities request",
              "no answer; check bmc.address, the network, and that the BMC has IPMI over LAN on"},
             {"Loading IANA PEN Registry...", "Error: Unable to establish IPMI v2 / RMCP+ session"}})
        EXPECT_EQ(ipmitool_problem("ipmitool failed with exit code 1: " + said + kEnd, bmc), problem);
}

TEST(Power, PowermanIsUnderstood) {
    Bmc bmc{.node = "n1", .kind = "powerman", .address = {"pm", {}}};
    EXPECT_EQ(powerman_state("on:      n1\noff:     \nunknown: \n"), PowerState::on);
    EXPECT_EQ(powerman_state("on:      \noff:     n1\nunknown: \n"), PowerState::off);
    EXPECT_EQ(powerman_state("on:      \noff:     \nunknown: n1\n"), PowerState::unknown);
    EXPECT_EQ(powerman_problem("powerman failed with exit code 209: No such nodes: n1", bmc),
              "powerman does not know n1; set bmc.system to its name in powerman.conf");
    EXPECT_EQ(powerman_problem("x: powerman: could not connect to address pm:10101", bmc),
              "no answer; check bmc.address and powermand there");
    EXPECT_EQ(powerman_problem("x: dead: connect timeout\nCommand completed with errors", bmc),
              "Command completed with errors");
}

class PowerOfNodes : public ::testing::Test {
  protected:
    void put(const std::string& node, const std::string& bmc) {
        ASSERT_TRUE(database_->commit({{"node/" + node, R"({"bmc":)" + bmc + "}"}}));
    }
    Inventory inventory() { return *Inventory::load(*database_); }
    std::string problem(const std::string& node) {
        return text(node, ": ", problem_of(order_power(*database_, inventory(), node, PowerOrder::status)));
    }

    Stage work_ = make_test_directory();
    std::unique_ptr<Database> database_ = *open_database(work_.path / "nodes.db");
};

TEST_F(PowerOfNodes, NeedABmc) {
    put("n1", "{}");
    put("n2", R"({"kind":"ipmi","user":"root","secret":"s"})");
    put("n3", R"({"address":"10.0.0.3"})");
    put("n4", R"({"kind":"powerman","address":"10.0.0.4"})");
    put("n5", R"({"kind":"redfish","address":"10.0.0.5","secret":"s"})");
    put("n6", R"({"kind":"ipmi","address":"10.0.0.6"})");
    for (const char* node : {"n1", "n2", "n3", "n4", "n5", "n6"})
        EXPECT_EQ(has_bmc(inventory(), node), node == std::string("n4")) << node;
    EXPECT_EQ(problem("n1"), "n1: no BMC; set bmc.address and bmc.kind");
    EXPECT_EQ(problem("n3"), "n3: bmc.kind is missing; expected ipmi, redfish or powerman");
    EXPECT_EQ(problem("n5"), "n5: bmc.user is missing");
    EXPECT_EQ(problem("n6"), "n6: bmc.secret is missing; mangrovectl secret set NAME");
}

TEST_F(PowerOfNodes, NeedAPassword) {
    put("n1", R"({"kind":"ipmi","address":"10.0.0.1","secret":"bmc"})");
    EXPECT_EQ(problem("n1"), "n1: bmc 10.0.0.1: no secret bmc; mangrovectl secret set bmc");
    for (const char* value : {"\n", "a\nb\n", "a\tb"}) {
        ASSERT_TRUE(set_secret(*database_, "bmc", value, "root"));
        EXPECT_EQ(problem("n1"),
                  "n1: bmc 10.0.0.1: the secret bmc is no password: empty, or of several lines");
    }
}

TEST_F(PowerOfNodes, OddValuesAreNoArguments) {
    for (const char* address : {"-x", "a b", "a;b", "$(a)", "10.0.0.1:0", "a/b", "", "[::1"}) {
        put("n1", text(R"({"kind":"powerman","address":")", address, R"("})"));
        Result<std::optional<Bmc>> bmc = bmc_of(inventory(), "n1");
        EXPECT_TRUE(!bmc || !*bmc) << address;
    }
    for (const char* system : {"-h", "a,b", "n[1-2]", "a b", "../x"}) {
        put("n1", text(R"({"kind":"powerman","address":"pm","system":")", system, R"("})"));
        EXPECT_FALSE(bmc_of(inventory(), "n1")) << system;
    }
    put("n1", R"({"kind":"ipmi","address":"[fd00::1]:624","user":"a\nb","secret":"s"})");
    EXPECT_FALSE(bmc_of(inventory(), "n1"));
    put("n1", R"({"kind":"ipmi","address":"[fd00::1]:624","user":"-U x","secret":"s"})");
    EXPECT_EQ((**bmc_of(inventory(), "n1")).address.host, "fd00::1");
}

TEST(Power, AnswersAreFolded) {
    auto problem = [](const char* what) { return std::unexpected(Error{.what = what}); };
    std::vector<std::string> lines;
    for (const FoldedAnswer& one : fold({{"n2", "10.0.0.2", PowerState::on},
                                         {"n1", "10.0.0.1", PowerState::on},
                                         {"n3", "10.0.0.3", PowerState::off},
                                         {"n4", "10.0.0.4", problem("wrong password")},
                                         {"n5", "10.0.0.5", problem("wrong password")},
                                         {"n6", "", problem("no BMC")}}))
        lines.push_back(text(one.is_problem ? "! " : "", one.line));
    EXPECT_THAT(lines, ElementsAre("n3: off", "n[1-2]: on", "! n6: no BMC",
                                   "! n[4-5]: bmc 10.0.0.[4-5]: wrong password"));
}

} // namespace
} // namespace mangrove::head
