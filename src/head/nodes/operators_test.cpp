#include "head/nodes/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

using testing::HasSubstr;
using testing::Not;

class OperatorsTest : public testing::Test {
  protected:
    std::string make(const std::string& name, Role role) {
        Result<std::string> token = make_token(*database_, name, role, "root");
        return token ? *token : token.error().what;
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = *open_sqlite_database(stage_.path / "nodes.db");
};

TEST_F(OperatorsTest, ATokenSaysWhoAsksAndIsKeptNowhere) {
    std::string token = make("page", Role::operate);
    EXPECT_EQ(token.size(), 4 + 64U);
    EXPECT_NE(token, make("other", Role::view));
    Result<std::optional<Operator>> found = find_operator(*database_, token);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->name, "page");
    EXPECT_EQ((*found)->role, Role::operate);
    EXPECT_THAT(database_->get("token/page").value()->value, Not(HasSubstr(token.substr(4))));
    EXPECT_FALSE(*find_operator(*database_, token + "0"));
    EXPECT_FALSE(*find_operator(*database_, ""));
}

TEST_F(OperatorsTest, ARemovedTokenIsNobodys) {
    std::string token = make("page", Role::admin);
    EXPECT_THAT(make("page", Role::view), HasSubstr("token page: already exists; remove it first"));
    ASSERT_TRUE(remove_token(*database_, "page"));
    EXPECT_FALSE(*find_operator(*database_, token));
    make("pager", Role::view);
    EXPECT_THAT(remove_token(*database_, "page").error().what, HasSubstr("did you mean 'pager'?"));
}

TEST_F(OperatorsTest, NamesAndRolesAreChecked) {
    EXPECT_THAT(make("a/b", Role::view), HasSubstr("token"));
    EXPECT_THAT(role_from("root").error().what, HasSubstr("expected view, operate or admin"));
    for (Role role : {Role::view, Role::operate, Role::admin})
        EXPECT_EQ(*role_from(role_name(role)), role);
}

} // namespace
} // namespace mangrove::head
