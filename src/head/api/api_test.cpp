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
    Api api_{directories_, {.table = [this] { return table_; }, .state = [] { return ServiceState{"", 3}; }}};
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
