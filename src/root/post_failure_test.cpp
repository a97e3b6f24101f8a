#include "root/post_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/downloads.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kUrl = "http://192.0.2.1/n/report?node=n1";

struct PostFailure : testing::Test {
    PostFailure() {
        system.use(downloads);
        boot.report_url = kUrl;
        boot.timeline.passed_over.push_back({"the root 'debian'", "no such LUN"});
    }

    void answer(unsigned status) { downloads.serve(kUrl, {.head = {.status = status}}); }
    Result<> post() { return post_failure(boot, {.what = "no LUN 7", .while_doing = {"mounting mount"}}); }
    std::string posted() const {
        return downloads.requests.empty() ? "" : downloads.requests.back().json.value_or("");
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    Boot boot{system};
};

TEST_F(PostFailure, SaysWhyWithTheReportAndTheEndOfTheKernelsLog) {
    for (int i = 0; i < 100; ++i)
        system.add_kernel_message(text("[    1.", i, "] line ", i, "."));
    system.add_kernel_message("[    0.0] Kernel command line: mangrove.definition=base64:secret");
    answer(204);
    ASSERT_TRUE(post());
    EXPECT_THAT(posted(), HasSubstr(R"("failure":"no LUN 7\n  while mounting mount")"));
    EXPECT_THAT(posted(), HasSubstr("no such LUN"));
    EXPECT_THAT(posted(), HasSubstr("line 99."));
    EXPECT_THAT(posted(), HasSubstr("line 40."));
    EXPECT_THAT(posted(), Not(HasSubstr("line 39.")));
    EXPECT_THAT(posted(), Not(HasSubstr("secret")));
}

TEST_F(PostFailure, AsksAServerThatIsAwayAgainForAWhile) {
    answer(503);
    answer(204);
    EXPECT_TRUE(post());
    EXPECT_EQ(downloads.requests.size(), 2U);
}

TEST_F(PostFailure, GivesUp) {
    for (int i = 0; i < 100; ++i)
        answer(503);
    Time begin = system.now();
    EXPECT_FALSE(post());
    EXPECT_GE(system.now() - begin, seconds(15));
    EXPECT_LE(system.now() - begin, seconds(25));
    downloads.requests.clear();
    boot.report_url.clear();
    EXPECT_TRUE(post());
    EXPECT_TRUE(downloads.requests.empty());
}

} // namespace
} // namespace mangrove
