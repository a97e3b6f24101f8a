#include "head/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "base/whole_file.h"
#include "head/api/answering.h"
#include "head/host/json.h"
#include "head/host/testing/full_tree.h"
#include "head/host/yaml.h"
#include "head/nodes/discovered.h"
#include "head/rollout/records.h"

namespace mangrove::head {
namespace {

using testing::HasSubstr;

class ApiTest : public testing::Test {
  protected:
    Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
               const std::string& if_match = "*") {
        Asked asked{.method = method, .target = target, .body = body, .user = 0};
        asked.if_match = method == "GET" || method == "POST" ? "" : if_match;
        return api_.answer(asked);
    }
    Answer put(const std::string& target, const std::string& body) {
        Asked asked{.method = "PUT", .target = target, .body = body, .user = 0};
        return api_.answer(asked);
    }
    Answer ask_with(const std::string& token, const std::string& method, const std::string& target) {
        Asked asked{.method = method, .target = target, .authorization = "Bearer " + token};
        return api_.answer(asked);
    }
    std::string token_of(Role role) {
        return *make_token(*database_, std::string(role_name(role)), role, "root");
    }

    Stage stage_ = make_test_directory();
    Directories directories_{.images = stage_.path / "images",
                             .publications = stage_.path / "publications",
                             .database = stage_.path / "nodes.db"};
    std::unique_ptr<Database> database_ = *open_database(directories_.database);
    std::shared_ptr<BootTable> table_ = std::make_shared<BootTable>();
    Meter meter_;
    BootReports reports_{stage_.path / "reports"};
    BootProfiles profiles_{stage_.path / "profiles"};
    Api api_{directories_,
             {.table = [this] { return table_; },
              .state =
                  [] {
                      return ServiceState{"", 3};
                  },
              .reports = &reports_,
              .profiles = &profiles_,
              .meter = &meter_,
              .version = "1.2"}};
};

TEST_F(ApiTest, ANodeIsMadeReadChangedAndRemoved) {
    Answer made = put("/v1/nodes/n001", R"({"macs":["525400000001"],"values":{"rack":7,"row":1}})");
    EXPECT_EQ(made.status, 200U);
    EXPECT_THAT(made.body, HasSubstr(R"("event":1)"));
    Answer read = ask("GET", "/v1/nodes/n001");
    EXPECT_THAT(read.body, HasSubstr(R"("macs":["52:54:00:00:00:01"])"));
    EXPECT_EQ(read.tag, made.tag);
    Answer changed =
        ask("PATCH", "/v1/nodes/n001", R"({"values":{"rack":8,"row":null}})", "\"" + read.tag + "\"");
    EXPECT_EQ(changed.status, 200U);
    EXPECT_THAT(changed.body, HasSubstr("node n001: values.rack: 7 -> 8"));
    EXPECT_THAT(changed.body, HasSubstr("node n001: values.row: 1 -> nothing"));
    Answer late = ask("PATCH", "/v1/nodes/n001", "{}", "\"" + read.tag + "\"");
    EXPECT_EQ(late.status, 412U);
    EXPECT_THAT(late.body, HasSubstr("read it again"));
    EXPECT_EQ(ask("DELETE", "/v1/nodes/n001").status, 200U);
    EXPECT_EQ(ask("GET", "/v1/nodes/n001").status, 404U);
    EXPECT_THAT(ask("GET", "/v1/events?after=1").body, HasSubstr(R"("command":"DELETE /v1/nodes/n001")"));
}

TEST_F(ApiTest, AWriteNeedsTheRevisionThatWasRead) {
    put("/v1/groups/compute", "{}");
    EXPECT_EQ(put("/v1/groups/compute", "{}").status, 428U);
    Asked only_new{
        .method = "PUT", .target = "/v1/groups/compute", .if_none_match = "*", .body = "{}", .user = 0};
    EXPECT_EQ(api_.answer(only_new).status, 412U);
    EXPECT_EQ(ask("PATCH", "/v1/groups/comput", "{}").status, 404U);
    EXPECT_THAT(ask("PATCH", "/v1/groups/comput", "{}").body, HasSubstr("did you mean 'compute'?"));
}

TEST_F(ApiTest, ADryRunWritesNothing) {
    Answer shown = put("/v1/nodes/n001?dry-run", "{}");
    EXPECT_THAT(shown.body, HasSubstr("node n001: added"));
    EXPECT_EQ(ask("GET", "/v1/nodes/n001").status, 404U);
}

TEST_F(ApiTest, SeveralObjectsAreOneTransactionAndCanBeTakenBack) {
    Answer applied =
        ask("POST", "/v1/apply", R"({"groups":{"compute":{}},"nodes":{"n1":{"groups":["compute"]}}})");
    EXPECT_EQ(applied.status, 200U) << applied.body;
    EXPECT_THAT(ask("GET", "/v1/nodes?select=@compute").body, HasSubstr(R"("name":"n1")"));
    EXPECT_EQ(ask("POST", "/v1/apply", R"({"nodes":{"n2":{"groups":["storage"]}}})").status, 400U);
    EXPECT_EQ(ask("DELETE", "/v1/groups/compute").status, 400U);
    EXPECT_EQ(ask("POST", "/v1/events/1/undo").status, 200U);
    EXPECT_EQ(ask("GET", "/v1/nodes").body, "[]\n");
}

TEST_F(ApiTest, MachinesThatAskedBecomeNodes) {
    ASSERT_TRUE(note_discovered(*database_, *Inventory::load(*database_), {{.mac = "52:54:00:00:00:02"}}));
    Answer accepted = ask("POST", "/v1/discovered/52-54-00-00-00-02/accept",
                          R"({"names":"n[1-9]","fields":{"values":{"rack":2}}})");
    EXPECT_EQ(accepted.status, 200U) << accepted.body;
    EXPECT_THAT(ask("GET", "/v1/nodes/n1").body, HasSubstr(R"("rack":2)"));
    EXPECT_EQ(ask("GET", "/v1/discovered").body, "[]\n");
    EXPECT_EQ(ask("DELETE", "/v1/discovered/52-54-00-00-00-02").status, 404U);
}

class RolloutApiTest : public ApiTest {
  protected:
    void SetUp() override {
        put("/v1/nodes/n1", "{}");
        put("/v1/nodes/n2", "{}");
        Rollout rollout{.id = "1",
                        .release = "r-1",
                        .nodes = {{.node = "n1"}, {.node = "n2"}},
                        .canaries = 1,
                        .started = 1'800'000'000,
                        .who = "root"};
        NodeState node{.node = "n1",
                       .state = State::booting,
                       .target = "r-1",
                       .rollout = "1",
                       .tries = 1,
                       .since = 1'800'000'060,
                       .deadline = 900,
                       .reason = "<script>alert(1)</script>"};
        ASSERT_TRUE(database_->commit({{rollout.key(), to_json(rollout)}, {node.key(), to_json(node)}}));
    }
};

TEST_F(RolloutApiTest, ShowsWhoHoldsItsSlotsAndWhy) {
    EXPECT_THAT(ask("GET", "/v1/rollouts").body, HasSubstr(R"("counts":{"booting":1,"new":1})"));
    std::string shown = ask("GET", "/v1/rollouts/1").body;
    EXPECT_THAT(shown, HasSubstr(R"("node":"n1","state":"booting","wave":0,"slot":true,"tries":1)"
                                 R"(,"since":"2027-01-15T08:01:00Z","until":")"));
    EXPECT_THAT(shown, HasSubstr(R"("why":"<script>alert(1)</script>")"));
    EXPECT_THAT(shown, HasSubstr(R"({"node":"n2","state":"new","wave":1,"slot":false,"tries":0})"));
    EXPECT_THAT(shown, HasSubstr(R"("waves":[{"nodes":1,"settled":0},{"nodes":1,"settled":0}])"));
    EXPECT_THAT(shown, HasSubstr(R"("slots":{"taken":1,"most":2})"));
    EXPECT_EQ(ask("GET", "/v1/rollouts/2").status, 404U);
    EXPECT_THAT(ask("GET", "/v1/nodes/n1").body, HasSubstr(R"("state":{"state":"booting")"));
    EXPECT_THAT(ask("GET", "/v1/nodes").body, HasSubstr(R"("target":"r-1","rollout":"1")"));
}

TEST_F(RolloutApiTest, OrdersChangeTheRecords) {
    EXPECT_THAT(ask("POST", "/v1/rollouts/1/pause?dry-run").body, HasSubstr("rollout 1: running -> paused"));
    EXPECT_THAT(ask("GET", "/v1/rollouts/1").body, HasSubstr(R"("status":"running")"));
    std::string tag = ask("GET", "/v1/rollouts/1").tag;
    EXPECT_EQ(ask("POST", "/v1/rollouts/1/pause").status, 200U);
    EXPECT_THAT(ask("GET", "/v1/rollouts/1").body, HasSubstr(R"("status":"paused")"));
    EXPECT_THAT(ask("GET", "/v1/events").body, HasSubstr(R"("command":"POST /v1/rollouts/1/pause")"));
    EXPECT_THAT(ask("GET", "/v1/events").body, HasSubstr(R"("diff":["rollout 1: running -> paused"])"));
    Asked late{.method = "POST", .target = "/v1/rollouts/1/abort", .if_match = "\"" + tag + "\"", .user = 0};
    EXPECT_EQ(api_.answer(late).status, 412U);
    EXPECT_EQ(ask("POST", "/v1/rollouts/1/stop").status, 404U);
    EXPECT_EQ(ask("POST", "/v1/nodes/n1/hold").status, 200U);
    EXPECT_THAT(ask("GET", "/v1/rollouts/1").body, HasSubstr(R"("why":"held; <script>)"));
    EXPECT_THAT(ask("POST", "/v1/nodes/n2/hold").body, HasSubstr("node n2: held"))
        << "before it is in a rollout";
    EXPECT_THAT(ask("POST", "/v1/nodes/n1/retry").body, HasSubstr("only nodes that are reverted or lost"));
    EXPECT_EQ(ask_with(token_of(Role::view), "POST", "/v1/rollouts/1/abort").status, 403U);
    EXPECT_EQ(ask_with(token_of(Role::operate), "POST", "/v1/rollouts/1/abort").status, 200U);
}

TEST_F(RolloutApiTest, ARolloutNeedsARelease) {
    EXPECT_THAT(ask("POST", "/v1/rollouts", R"({"release":"r-2","nodes":"all"})").body,
                HasSubstr("release r-2: not found"));
    EXPECT_THAT(ask("POST", "/v1/rollouts", R"({"releas":"r-2"})").body,
                HasSubstr("did you mean 'release'?"));
    EXPECT_THAT(ask("POST", "/v1/rollouts", R"({"tries":"2"})").body, HasSubstr("tries: expected a number"));
    EXPECT_THAT(ask("POST", "/v1/releases", R"({"files":["base"]})").body, HasSubstr("image is missing"));
    EXPECT_EQ(ask("DELETE", "/v1/releases/r-2").status, 404U);
}

TEST_F(ApiTest, TheLastBootsOfANodeAreShown) {
    put("/v1/nodes/n1", "{}");
    ASSERT_TRUE(reports_.keep("n1", R"({"boot_id":"a","failure":"no such target\nwhile mounting"})"));
    ASSERT_TRUE(
        reports_.keep("n1", R"({"boot_id":"b","seconds":2.5,"steps":[{"name":"mounting","start":1}]})"));
    Answer boots = ask("GET", "/v1/nodes/n1/boots");
    EXPECT_THAT(boots.body,
                HasSubstr(R"("boot_id":"b","seconds":2.5,"steps":[{"name":"mounting","start":1}]})"));
    EXPECT_LT(boots.body.find("\"b\""), boots.body.find("no such target"));
    EXPECT_EQ(ask("GET", "/v1/nodes/n2/boots").status, 404U);
    EXPECT_EQ(ask("GET", "/v1/nodes/..%2Fn1/boots").status, 404U);
}

TEST_F(ApiTest, ThePageNeedsNoTokenAndSaysNothing) {
    Answer page = api_.answer(Asked{.target = "/"});
    EXPECT_EQ(page.status, 200U);
    EXPECT_TRUE(page.is_for_browsers);
    EXPECT_THAT(page.body, HasSubstr("<title>Mangrove</title>"));
    EXPECT_EQ(api_.answer(Asked{.target = "/page.js"}).type, "text/javascript; charset=utf-8");
    EXPECT_EQ(api_.answer(Asked{.method = "POST", .target = "/"}).status, 401U);
}

TEST_F(ApiTest, ShowsTheProfilesOfNodes) {
    ASSERT_TRUE(profiles_.keep("n1", R"({"version":1,"files":[{"path":"/a","ranges":[[0,4096]]}]})"));
    EXPECT_THAT(ask("GET", "/v1/profiles").body, HasSubstr(R"("node":"n1")"));
    EXPECT_THAT(ask("GET", "/v1/profiles/n1").body, HasSubstr(R"({"path":"/a","ranges":[[0,4096]]})"));
    EXPECT_EQ(ask("GET", "/v1/profiles/n2").status, 404U);
    EXPECT_EQ(ask("GET", "/v1/profiles/..%2Fn1").status, 404U);
    put("/v1/nodes/n1", "{}");
    EXPECT_EQ(ask("POST", "/v1/profiles?select=n1").body, "{\"nodes\":\"n1\"}\n");
    EXPECT_TRUE(profiles_.is_requested("n1"));
    EXPECT_EQ(ask("POST", "/v1/profiles").status, 400U);
    EXPECT_EQ(ask("POST", "/v1/profiles?select=nobody").status, 400U);
}

TEST_F(ApiTest, AnOpenViewIsReadOnly) {
    Daemon daemon{.table = [this] { return table_; },
                  .state = [] { return ServiceState{}; },
                  .reports = &reports_,
                  .profiles = &profiles_,
                  .meter = &meter_,
                  .version = {},
                  .is_open_view = true};
    Api open(directories_, daemon);
    EXPECT_EQ(open.answer(Asked{.target = "/v1/me"}).body, "{\"name\":\"anyone\",\"role\":\"view\"}\n");
    EXPECT_EQ(open.answer(Asked{.method = "PUT", .target = "/v1/nodes/n1", .body = "{}"}).status, 403U);
    Asked unknown{.target = "/v1/me", .authorization = "Bearer mgv_0"};
    EXPECT_EQ(open.answer(unknown).status, 401U);
    EXPECT_EQ(api_.answer(Asked{.target = "/v1/me"}).status, 401U);
}

TEST_F(ApiTest, AFleetStreamTellsEachChangeOnce) {
    put("/v1/groups/west", R"({"values":{"rack":7}})");
    put("/v1/nodes/n1", R"({"groups":["west"]})");
    ASSERT_TRUE(reports_.keep("n1", R"({"failure":"no such target\nwhile mounting"})"));
    Answer stream = ask("GET", "/v1/fleet?follow&by=rack");
    std::string first = *stream.follow();
    EXPECT_THAT(
        first,
        HasSubstr("event: nodes\ndata: {\"whole\":true,\"changed\":[{\"name\":\"n1\",\"place\":\"7\""));
    EXPECT_THAT(first, HasSubstr(R"("error":"no such target")"));
    EXPECT_THAT(first, HasSubstr("event: rollouts\ndata: []\n\n"));
    EXPECT_THAT(first, HasSubstr("event: event\ndata: {\"event\":2"));
    EXPECT_EQ(*stream.follow(), "");
    put("/v1/nodes/n2", "{}");
    EXPECT_THAT(
        *stream.follow(),
        HasSubstr(R"({"whole":false,"changed":[{"name":"n2","place":"","state":"none"}],"removed":[]})"));
    NodeState node{.node = "n1", .state = State::waiting, .target = "r-1", .rollout = "1"};
    ASSERT_TRUE(database_->commit({{node.key(), to_json(node)}}));
    EXPECT_THAT(*stream.follow(), HasSubstr(R"("changed":[{"name":"n1","place":"7","state":"waiting")"));
    ASSERT_EQ(ask("DELETE", "/v1/nodes/n2").status, 200U);
    EXPECT_THAT(*stream.follow(), HasSubstr(R"("removed":["n2"])"));
}

TEST_F(ApiTest, MetricsAndTargetsNameTheNodes) {
    auto table = std::make_shared<BootTable>();
    table->nodes["n1"].name = "n1";
    table_ = table;
    put("/v1/groups/gpu", "{}");
    put("/v1/nodes/n1", R"({"groups":["gpu"]})");
    std::string metrics = ask("GET", "/metrics").body;
    for (const char* line :
         {"mangrove_head_build_info{version=\"1.2\"} 1\n", "mangrove_head_database_up 1\n",
          "mangrove_head_nodes{state=\"none\"} 1\n", "mangrove_head_nodes{state=\"lost\"} 0\n",
          "mangrove_head_release_nodes{release=\"none\"} 1\n", "mangrove_head_admission_deferred_total 3\n"})
        EXPECT_THAT(metrics, HasSubstr(line));
    EXPECT_EQ(ask("GET", "/v1/prometheus-sd?port=9101").body,
              "[{\"targets\":[\"n1:9101\"],\"labels\":{\"node\":\"n1\",\"__meta_mangrove_groups\":\",gpu,\","
              "\"__meta_mangrove_state\":\"none\",\"__meta_mangrove_release\":\"\"}}]\n");
    EXPECT_EQ(ask("GET", "/v1/prometheus-sd?port=x").status, 400U);
}

TEST_F(ApiTest, ATokenMayDoWhatItsRoleMay) {
    std::string view = token_of(Role::view);
    EXPECT_EQ(ask_with(view, "GET", "/v1/status").status, 200U);
    Answer refused = ask_with(view, "DELETE", "/v1/nodes/n001");
    EXPECT_EQ(refused.status, 403U);
    EXPECT_THAT(refused.body, HasSubstr("view: has the role view; this needs the role operate"));
    EXPECT_EQ(ask_with(token_of(Role::operate), "GET", "/v1/tokens").status, 403U);
    EXPECT_EQ(ask_with(token_of(Role::admin), "GET", "/v1/tokens").status, 200U);
    EXPECT_EQ(ask_with("mgv_0", "GET", "/v1/status").status, 401U);
    EXPECT_EQ(api_.answer(Asked{.target = "/v1/status"}).status, 401U);
}

TEST_F(ApiTest, TokensAreMadeAndRemoved) {
    Answer made = ask("POST", "/v1/tokens/page", R"({"role":"view"})");
    Json json = *parse_json(made.body, "the answer");
    EXPECT_EQ(ask_with(text_at(json.get(), "token"), "GET", "/v1/status").status, 200U);
    EXPECT_THAT(ask("GET", "/v1/tokens").body, testing::Not(HasSubstr("sha256")));
    EXPECT_EQ(ask("DELETE", "/v1/tokens/page").status, 204U);
    EXPECT_EQ(ask("DELETE", "/v1/tokens/page").status, 404U);
}

TEST_F(ApiTest, AStreamGivesEachEventOnce) {
    put("/v1/nodes/n1", "{}");
    put("/v1/nodes/n2", "{}");
    Answer stream = ask("GET", "/v1/events?follow&after=1");
    ASSERT_TRUE(stream.follow);
    EXPECT_THAT(*stream.follow(), HasSubstr("id: 2\ndata: {"));
    EXPECT_EQ(*stream.follow(), "");
    put("/v1/nodes/n3", "{}");
    EXPECT_THAT(*stream.follow(), HasSubstr("id: 3\n"));
    Asked again{.target = "/v1/events?follow", .last_event_id = "2", .user = 0};
    EXPECT_THAT(*api_.answer(again).follow(), HasSubstr("id: 3\n"));
    EXPECT_EQ(*ask("GET", "/v1/events?follow").follow(), "") << "what was before is not told";
}

TEST_F(ApiTest, SaysWhatIsWrong) {
    EXPECT_EQ(ask("GET", "/v1/nothing").status, 404U);
    Answer method = ask("POST", "/v1/nodes/n1");
    EXPECT_EQ(method.status, 405U);
    EXPECT_EQ(method.allow, "GET, PUT, PATCH, DELETE");
    EXPECT_THAT(put("/v1/nodes/n1", "{").body, HasSubstr("the body"));
    EXPECT_THAT(put("/v1/nodes/n1", "[]").body, HasSubstr("expected a JSON object"));
    EXPECT_THAT(put("/v1/nodes/n1", R"({"mac":"x"})").body, HasSubstr("did you mean 'macs'?"));
    EXPECT_THAT(put("/v1/nodes/a%2Fb", "{}").body, HasSubstr("use letters"));
    EXPECT_EQ(ask("POST", "/v1/events/x/undo").status, 404U);
    EXPECT_EQ(ask("GET", "/v1/nodes?select=n[1-").status, 400U);
}

TEST(OpenApi, DescribesEachRouteAndNoOther) {
    std::string file = SOURCE_DIRECTORY "/docs/openapi.yaml";
    Result<Json> document = parse_yaml(*read_file(file), file);
    ASSERT_TRUE(document) << describe(document.error());
    std::set<std::string> described;
    const cJSON* path = nullptr;
    cJSON_ArrayForEach(path, cJSON_GetObjectItemCaseSensitive(
                                 document->get(), "paths")) for (const char* method :
                                                                 {"get", "put", "post", "patch", "delete"}) {
        const cJSON* operation = cJSON_GetObjectItemCaseSensitive(path, method);
        if (!operation) continue;
        const cJSON* security = cJSON_GetObjectItemCaseSensitive(operation, "security");
        std::vector<std::string> roles = texts_at(cJSON_GetArrayItem(security, 0), "token");
        std::string upper = method;
        std::ranges::transform(upper, upper.begin(), ::toupper);
        described.insert(text(upper, " ", path->string, " ", join(roles, ",")));
    }
    std::set<std::string> served;
    for (const Route& route : api_routes())
        served.insert(text(route.method, " ", route.path, " ", role_name(route.role)));
    EXPECT_EQ(described, served);
}

} // namespace
} // namespace mangrove::head
