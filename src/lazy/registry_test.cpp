#include "lazy/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"

namespace mangrove::lazy {
namespace {

using testing::HasSubstr;

constexpr Time kStart = Time(seconds(100));
constexpr const char* kBearer = R"(Bearer realm="https://auth.example/token",service="r")";

Ranges::End ok() {
    return {.head = {.status = 200}};
}

TEST(Registry, IsAskedForTheManifestThenForTheFile) {
    Registry registry = {.artifact = *oci::Reference::parse("oci://h/a/b@sha256:" + std::string(64, '0'))};
    EXPECT_EQ(registry.question(kStart), Question::manifest);
    EXPECT_EQ(registry.path(), "/v2/a/b/manifests/sha256:" + std::string(64, '0'));
    registry.blob = "sha256:" + std::string(64, '1');
    EXPECT_EQ(registry.question(kStart), Question::none);
    EXPECT_EQ(registry.path(), "/v2/a/b/blobs/sha256:" + std::string(64, '1'));
}

TEST(Registry, IsAskedWithATokenUntilThatEnds) {
    Registry registry = {.blob = "known"};
    ASSERT_TRUE(registry.take_challenge(kBearer, ""));
    EXPECT_EQ(registry.question(kStart), Question::token);
    ASSERT_TRUE(registry.take_token(ok(), as_bytes(R"({"token":"one","expires_in":100})"), kStart));
    EXPECT_EQ(registry.question(kStart + seconds(99)), Question::none);
    EXPECT_FALSE(registry.needs_renewal(kStart + seconds(74)));
    EXPECT_TRUE(registry.needs_renewal(kStart + seconds(75)));
    EXPECT_EQ(registry.question(kStart + seconds(100)), Question::token);
}

TEST(Registry, RefusesATokenOnlyWhenItIsNew) {
    Registry registry = {.blob = "known"};
    ASSERT_TRUE(registry.take_challenge(kBearer, ""));
    ASSERT_TRUE(registry.take_token(ok(), as_bytes(R"({"token":"one"})"), kStart));
    EXPECT_TRUE(registry.take_challenge(kBearer, "zero")) << "a request from before";
    EXPECT_EQ(registry.token, "one");
    EXPECT_EQ(
        registry.take_challenge(kBearer, "one").error().what,
        "the server answered 401: it refuses the token of the server of tokens https://auth.example/token");
    registry.is_token_proven = true;
    EXPECT_TRUE(registry.take_challenge(kBearer, "one")) << "it has ended early";
    EXPECT_EQ(registry.question(kStart), Question::token);
}

TEST(Registry, RefusesAPasswordAndATokenOfTheDefinition) {
    Registry registry;
    EXPECT_EQ(registry.take_challenge(kBearer, "given").error().what,
              "the server answered 401: it refuses the token");
    ASSERT_TRUE(registry.take_challenge("Basic realm=\"r\"", ""));
    EXPECT_TRUE(registry.wants_password());
    EXPECT_TRUE(registry.take_challenge("Basic realm=\"r\"", "")) << "a request from before";
    std::string credential = credential_of({.username = "u", .password = "p"});
    EXPECT_THAT(registry.take_challenge("Basic realm=\"r\"", credential).error().what,
                HasSubstr("it refuses the username or password"));
}

TEST(Registry, TellsAServerOfTokensThatIsAwayFromOneThatRefuses) {
    Registry registry;
    EXPECT_TRUE(registry.take_token({.head = {.status = 503}}, {}, kStart).error().is_transient());
    Error refused = registry.take_token({.head = {.status = 401}}, {}, kStart).error();
    EXPECT_EQ(refused.what, "the server answered 401");
    EXPECT_FALSE(refused.is_transient());
    EXPECT_EQ(registry.take_token(ok(), as_bytes("<html>"), kStart).error().what, "the answer is not JSON");
    Bytes long_one(kLongestAnswer + 1);
    EXPECT_THAT(registry.take_token(ok(), long_one, kStart).error().what, HasSubstr("longer than"));
}

TEST(Manifest, MustHaveItsDigest) {
    std::string manifest = text(R"({"layers":[{"digest":"sha256:)", std::string(64, '1'), R"(","size":5}]})");
    Sha256 sha256;
    sha256.add(as_bytes(manifest));
    std::string digest = "sha256:" + sha256.finish();
    EXPECT_EQ(image_in_manifest(digest, as_bytes(manifest))->size, 5U);
    EXPECT_THAT(image_in_manifest(digest, as_bytes(manifest + " ")).error().what,
                HasSubstr("the manifest has another digest: sha256:"));
    EXPECT_THAT(image_in_manifest(digest, as_bytes("<html>")).error().what, HasSubstr("HTML"));
}

} // namespace
} // namespace mangrove::lazy
