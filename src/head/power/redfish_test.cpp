#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/power/testing/scripted_https.h"

namespace mangrove::head {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedHttps;

const Bmc kBmc{
    .node = "n001", .kind = "redfish", .address = {"10.0.0.1", {}}, .user = "root", .secret = "bmc"};

constexpr const char* kRoot = R"({"Systems":{"@odata.id":"/redfish/v1/Systems"},)"
                              R"("Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}})";
constexpr const char* kSystems = R"({"Members":[{"@odata.id":"/redfish/v1/Systems/1"}]})";
const HttpsAnswer kSession{
    .status = 201, .location = "/redfish/v1/SessionService/Sessions/7", .token = "t0k"};

HttpsAnswer ok(std::string body) {
    return {.status = 200, .body = std::move(body)};
}

std::string system_json(const std::string& power, const std::string& allowed) {
    return text(R"({"PowerState":")", power, R"(","Actions":{"#ComputerSystem.Reset":{"target":)",
                R"("/redfish/v1/Systems/1/Actions/ComputerSystem.Reset")", allowed, "}}}");
}
constexpr const char* kUsual =
    R"(,"ResetType@Redfish.AllowableValues":["On","ForceOff","ForceRestart","PowerCycle"])";

struct Done {
    std::string said; ///< the state, or the error
    ScriptedHttps::Asked asked;

    std::string last_body() const {
        std::string body;
        for (const HttpsRequest& request : asked.requests)
            if (request.method == "POST") body = request.body;
        return body;
    }
};

Done order(PowerOrder order, std::deque<HttpsAnswer> answers, const Bmc& bmc = kBmc) {
    Done done;
    {
        auto device = make_redfish_device(bmc, "hunter2",
                                          std::make_unique<ScriptedHttps>(std::move(answers), done.asked));
        Result<PowerState> state = obey(*device, order, {});
        done.said = !state                      ? describe(state.error())
                    : *state == PowerState::on  ? "on"
                    : *state == PowerState::off ? "off"
                                                : "unknown";
    }
    return done;
}

/// With the questions before a reset: the system is read again.
Done change(PowerOrder wanted, const std::string& power, const std::string& allowed,
            std::deque<HttpsAnswer> reset) {
    std::string system = system_json(power, allowed);
    std::deque<HttpsAnswer> answers = {ok(kRoot), kSession, ok(kSystems), ok(system), ok(system)};
    answers.insert(answers.end(), reset.begin(), reset.end());
    return order(wanted, std::move(answers));
}

TEST(Redfish, LogsInFindsTheSystemAndLogsOut) {
    Done done = order(PowerOrder::status, {ok(kRoot), kSession, ok(kSystems), ok(system_json("On", ""))});
    EXPECT_EQ(done.said, "on");
    ASSERT_EQ(done.asked.requests.size(), 5U);
    EXPECT_THAT(done.asked.requests[0].headers, Not(Contains(HasSubstr("Authorization"))));
    EXPECT_EQ(done.asked.requests[1].body, R"({"UserName":"root","Password":"hunter2"})");
    EXPECT_THAT(done.asked.requests[3].headers, Contains("X-Auth-Token: t0k"));
    EXPECT_EQ(done.asked.requests[4].method, "DELETE");
    EXPECT_EQ(done.asked.requests[4].path, "/redfish/v1/SessionService/Sessions/7");
}

TEST(Redfish, TakesBasicAuthenticationWithoutSessions) {
    for (const HttpsAnswer& session : {HttpsAnswer{.status = 404}, {.status = 503}, {.status = 201}}) {
        Done done = order(PowerOrder::status, {ok(kRoot), session, ok(kSystems), ok(system_json("Off", ""))});
        EXPECT_EQ(done.said, "off");
        EXPECT_THAT(done.asked.requests.back().headers, Contains("Authorization: Basic cm9vdDpodW50ZXIy"));
    }
    Done done =
        order(PowerOrder::status, {{.status = 401}, ok(kRoot), ok(kSystems), ok(system_json("Off", ""))});
    EXPECT_EQ(done.said, "off");
}

TEST(Redfish, TriesAWrongPasswordOnce) {
    Done done = order(PowerOrder::status, {ok(kRoot), {.status = 401}});
    EXPECT_EQ(done.said, "wrong user or password; set bmc.user and bmc.secret");
    EXPECT_EQ(done.asked.requests.size(), 2U);
}

TEST(Redfish, TakesAResetTypeThatIsAllowed) {
    EXPECT_EQ(change(PowerOrder::cycle, "On", kUsual, {{.status = 204}}).last_body(),
              R"({"ResetType":"PowerCycle"})");
    EXPECT_EQ(change(PowerOrder::cycle, "On", "", {{.status = 204}}).last_body(),
              R"({"ResetType":"ForceRestart"})");
    EXPECT_EQ(change(PowerOrder::cycle, "Off", kUsual, {{.status = 204}}).last_body(),
              R"({"ResetType":"On"})");
    Done done = change(PowerOrder::off, "On", kUsual, {{.status = 204}});
    EXPECT_EQ(done.said, "off");
    EXPECT_EQ(done.last_body(), R"({"ResetType":"ForceOff"})");
    EXPECT_EQ(change(PowerOrder::off, "On", R"(,"ResetType@Redfish.AllowableValues":["On","Nmi"])", {}).said,
              "ComputerSystem.Reset takes On, Nmi, but not ForceOff");
}

TEST(Redfish, ReadsTheActionInfo) {
    constexpr const char* kInfo = R"(,"@Redfish.ActionInfo":"ResetActionInfo")";
    Done done = change(
        PowerOrder::on, "Off", kInfo,
        {ok(R"({"Parameters":[{"Name":"ResetType","AllowableValues":["ForceOn"]}]})"), {.status = 200}});
    EXPECT_EQ(done.last_body(), R"({"ResetType":"ForceOn"})");
    EXPECT_EQ(done.asked.requests[5].path, "/redfish/v1/Systems/ResetActionInfo");
}

TEST(Redfish, CyclesByOffAndOnWhereThereIsNothingElse) {
    constexpr const char* kTwo = R"(,"ResetType@Redfish.AllowableValues":["On","ForceOff"])";
    Done done = change(PowerOrder::cycle, "On", kTwo,
                       {{.status = 204},
                        ok(R"({"PowerState":"PoweringOff"})"),
                        ok(R"({"PowerState":"Off"})"),
                        {.status = 204}});
    EXPECT_EQ(done.said, "on");
    EXPECT_EQ(done.asked.pauses, 1);
    EXPECT_EQ(done.last_body(), R"({"ResetType":"On"})");
}

TEST(Redfish, WaitsForATask) {
    HttpsAnswer accepted{.status = 202, .location = "https://bmc-name/redfish/v1/TaskMonitors/1"};
    Done done = change(PowerOrder::off, "On", kUsual,
                       {accepted, {.status = 202}, ok(R"({"TaskState":"Completed"})")});
    EXPECT_EQ(done.said, "off");
    EXPECT_EQ(done.asked.pauses, 2);
    EXPECT_EQ(done.asked.requests[7].path, "/redfish/v1/TaskMonitors/1");
    done =
        change(PowerOrder::off, "On", kUsual,
               {accepted, ok(R"({"TaskState":"Exception","Messages":[{"Message":"The fan is missing."}]})")});
    EXPECT_EQ(done.said, "the task of the reset ended: Exception: The fan is missing.");
}

TEST(Redfish, ShowsTheReasonOfARefusal) {
    constexpr const char* kError =
        R"({"error":{"code":"Base.1.0.GeneralError","message":"See ExtendedInfo.",)"
        R"("@Message.ExtendedInfo":[{"Message":"The lid is open."},{"MessageId":"Lid.1"}]}})";
    EXPECT_EQ(change(PowerOrder::off, "On", kUsual, {{.status = 400, .body = kError}}).said,
              "ComputerSystem.Reset ForceOff: HTTP 400: The lid is open. Lid.1");
    EXPECT_EQ(change(PowerOrder::off, "On", kUsual, {{.status = 403, .body = kError}}).said,
              "the user 'root' may not do this; give it the role Operator: The lid is open. Lid.1");
    constexpr const char* kRepeats = R"({"error":{"message":"hunter2 and hunter2 are wrong."}})";
    EXPECT_EQ(change(PowerOrder::off, "On", kUsual, {{.status = 400, .body = kRepeats}}).said,
              "ComputerSystem.Reset ForceOff: HTTP 400: *** and *** are wrong.");
    EXPECT_EQ(change(PowerOrder::off, "On", kUsual, {{.status = 500, .body = "<html>"}}).said,
              "ComputerSystem.Reset ForceOff: HTTP 500");
    EXPECT_EQ(order(PowerOrder::status, {ok(" <html>")}).said,
              "GET /redfish/v1/: the answer is HTML; is bmc.address a BMC with Redfish?");
    EXPECT_THAT(order(PowerOrder::status, {ok("[]")}).said, HasSubstr("the answer is no JSON"));
    EXPECT_EQ(order(PowerOrder::status, {ok("{}")}).said, "GET /redfish/v1/: no link to Systems");
}

TEST(Redfish, ChoosesAmongSystems) {
    constexpr const char* kTwo =
        R"({"Members":[{"@odata.id":"Systems/left/"},{"@odata.id":"Systems/right"}]})";
    std::deque<HttpsAnswer> answers = {ok(kRoot), kSession, ok(kTwo)};
    EXPECT_EQ(order(PowerOrder::status, answers).said,
              "several systems; set bmc.system to one of left, right");
    Bmc bmc = kBmc;
    bmc.system = "middle";
    EXPECT_EQ(order(PowerOrder::status, answers, bmc).said,
              "no system 'middle'; set bmc.system to one of left, right");
    answers.push_back(ok(system_json("On", "")));
    bmc.system = "left";
    EXPECT_EQ(order(PowerOrder::status, answers, bmc).said, "on");
    bmc.system.clear();
    bmc.uuid = "0000-ab";
    answers = {
        ok(kRoot), kSession, ok(kTwo), ok("{}"), ok(R"({"UUID":"0000-AB"})"), ok(system_json("Off", ""))};
    EXPECT_EQ(order(PowerOrder::status, answers, bmc).said, "off");
}

TEST(Redfish, FollowsNoRedirectToAnotherServer) {
    Done done =
        order(PowerOrder::status, {{.status = 301, .location = "/redfish/v1"},
                                   ok(kRoot),
                                   kSession,
                                   ok(kSystems),
                                   {.status = 308, .location = "https://10.0.0.1:443/redfish/v1/Systems/1/"},
                                   ok(system_json("On", ""))});
    EXPECT_EQ(done.said, "on");
    for (const char* away : {"https://evil/redfish/v1/", "http://10.0.0.1/", "https://10.0.0.1:8443/",
                             "//evil/x", "", "ftp://10.0.0.1/"}) {
        done = order(PowerOrder::status, {{.status = 302, .location = away}});
        EXPECT_EQ(done.said,
                  text("GET /redfish/v1/: redirects to '", away, "'; set bmc.address to where Redfish is"));
        EXPECT_EQ(done.asked.requests.size(), 1U);
    }
    EXPECT_THAT(change(PowerOrder::off, "On", kUsual, {{.status = 301, .location = "/x"}}).said,
                HasSubstr("redirects to '/x'"));
    HttpsAnswer circle{.status = 301, .location = "/redfish/v1/"};
    EXPECT_EQ(order(PowerOrder::status, {circle, circle, circle, circle, circle}).said,
              "GET /redfish/v1/: redirects in a circle");
}

TEST(Redfish, LinksStayOnTheServer) {
    EXPECT_EQ(path_of_link("/redfish/v1/Systems", "/redfish/v1/Systems/1"), "/redfish/v1/Systems/1");
    EXPECT_EQ(path_of_link("/redfish/v1/Systems", "Systems/1?$select=Id"),
              "/redfish/v1/Systems/1?$select=Id");
    EXPECT_EQ(path_of_link("/a", "https://evil/redfish"), "/redfish");
    EXPECT_EQ(path_of_link("/a", "//evil/b"), "/b");
    EXPECT_EQ(path_of_link("/a", "/b\r\nX: y"), std::nullopt);
    EXPECT_EQ(path_of_link("/a", ""), std::nullopt);
    EXPECT_EQ(path_of_link("/a", "../../etc"), "/etc");
    EXPECT_EQ(path_of_link("/a", "/b@evil:1/c"), "/b@evil:1/c");
}

} // namespace
} // namespace mangrove::head
