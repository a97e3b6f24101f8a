#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/artifact.h"
#include "oci/authentication.h"
#include "oci/reference.h"

namespace mangrove::oci {
namespace {

using testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string layer(const std::string& type, const std::string& title, const std::string& digest = kDigest) {
    return text(R"({"mediaType":")", type, R"(","digest":")", digest,
                R"(","size":4096,"annotations":{"org.opencontainers.image.title":")", title, "\"}}");
}
std::string manifest(const std::vector<std::string>& layers) {
    return text(R"({"schemaVersion":2,"layers":[)", join(layers, ","), "]}");
}
Result<Layer> image_in(const std::vector<std::string>& layers) {
    return image_of(TRY(layers_of(manifest(layers))));
}

TEST(Reference, NamesAnArtifact) {
    Result<Reference> found = Reference::parse("oci://registry.example:5000/site/node@" + kDigest);
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->registry, "registry.example:5000");
    EXPECT_EQ(found->repository, "site/node");
    EXPECT_EQ(found->digest, kDigest);
    EXPECT_EQ(Reference::parse("oci://[2001:db8::1]:5000/a:v1.0")->tag, "v1.0");
    EXPECT_EQ(Reference::parse("oci://h/a")->tag, "");
    for (const char* written :
         {"docker://h/a", "oci://h", "oci:///a", "oci://h/", "oci://h/A", "oci://h/a//b", "oci://h/../a",
          "oci://h/a?b", "oci://h/a:", "oci://h/a:-x", "oci://h/a@md5:00", "oci://h/a@sha256:00",
          "oci://u@h/a", "oci://h:0/a", "oci://h h/a", "oci://h/a#b", "oci://h?/a"})
        EXPECT_FALSE(Reference::parse(written)) << written;
    EXPECT_FALSE(Reference::parse("oci://h/a:v1@" + kDigest));
    EXPECT_FALSE(Reference::parse("oci://h/a@sha256:" + std::string(64, 'A')));
}

TEST(Artifact, HasOneLayerThatIsTheImage) {
    std::string kernel = layer("application/vnd.mangrove.kernel.v1", "kernel");
    std::string ours = layer("application/vnd.mangrove.image.v1.squashfs", "root");
    EXPECT_EQ(image_in({kernel, ours})->title, "root");
    EXPECT_EQ(image_in({ours})->size, 4096U);
    EXPECT_EQ(image_in({kernel, layer("text/plain", "a.squashfs"), ours})->title, "root")
        << "the type goes before the name";
    EXPECT_THAT(image_in({ours, ours}).error().what, HasSubstr("has 2 layers that are images"));
    EXPECT_THAT(image_in({kernel, kernel}).error().what, HasSubstr("no layer that is an image"));
    EXPECT_THAT(image_in({}).error().what, HasSubstr("no layer that is an image"));
}

TEST(Artifact, MayBePushedByOras) {
    constexpr const char* kType = "application/vnd.oci.image.layer.v1.tar";
    EXPECT_EQ(image_in({layer(kType, "root.squashfs"), layer(kType, "vmlinuz")})->title, "root.squashfs");
    EXPECT_EQ(image_in({layer("application/octet-stream", "root.img")})->title, "root.img");
    EXPECT_FALSE(image_in({layer(kType, "root.img")})) << "a tar, as of a container";
    EXPECT_FALSE(image_in({layer(kType, "a.erofs"), layer(kType, "b.erofs")}));
}

TEST(Artifact, IsNotEverythingThatARegistrySends) {
    EXPECT_THAT(layers_of("  <!DOCTYPE html>").error().what, HasSubstr("HTML or XML"));
    EXPECT_EQ(layers_of("gibberish").error().what, "the manifest is not JSON");
    EXPECT_EQ(layers_of("[]").error().what, "the manifest is not JSON");
    EXPECT_THAT(layers_of(R"({"manifests":[]})").error().what, HasSubstr("an index of several"));
    EXPECT_THAT(layers_of(R"({"layers":{}})").error().what, HasSubstr("no layers"));
    EXPECT_THAT(layers_of(manifest({layer("a", "b", "sha512:00")})).error().what,
                HasSubstr("without a digest"));
    for (const char* size : {"-1", "0", "1.5", "1e300", "\"1\"", "null"})
        EXPECT_THAT(
            layers_of(text(R"({"layers":[{"digest":")", kDigest, R"(","size":)", size, "}]}")).error().what,
            HasSubstr("without a valid size"))
            << size;
}

TEST(Challenge, NamesTheServerOfTokens) {
    Result<Challenge> found = parse_challenge(
        R"(Bearer realm="https://auth.example/token",service="a registry",scope="repository:a/b:pull,push x:y:z")");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_FALSE(found->is_basic);
    EXPECT_EQ(found->token_url(),
              "https://auth.example/token?service=a%20registry&scope=repository:a/b:pull,push&scope=x:y:z");
    EXPECT_EQ(parse_challenge(R"(bearer REALM="https://a/?b=c", service=d)")->token_url(),
              "https://a/?b=c&service=d");
    EXPECT_EQ(parse_challenge(R"(Bearer realm="a\"b")")->realm, "a\"b");
    EXPECT_EQ(parse_challenge(R"(Basic realm="x", Bearer realm="https://a")")->realm, "https://a")
        << "the token goes before the password";
    EXPECT_TRUE(parse_challenge(R"(Basic realm="x")")->is_basic);
    for (const char* header :
         {"", "Negotiate", "Bearer", "Bearer service=a", R"(Bearer realm="a)", "=", ",,,"})
        EXPECT_FALSE(parse_challenge(header)) << header;
}

TEST(Token, IsInTheAnswer) {
    EXPECT_EQ(parse_token(R"({"token":"a","access_token":"b"})")->value, "a");
    EXPECT_EQ(parse_token(R"({"access_token":"b"})")->value, "b");
    EXPECT_EQ(parse_token(R"({"token":"a"})")->lifetime, std::chrono::seconds(60));
    EXPECT_EQ(parse_token(R"({"token":"a","expires_in":300})")->lifetime, std::chrono::seconds(300));
    EXPECT_EQ(parse_token(R"({"token":"a","expires_in":1e18})")->lifetime, std::chrono::seconds(86400));
    EXPECT_EQ(parse_token("<html>").error().what, "the answer is not JSON");
    EXPECT_EQ(parse_token(R"({"token":""})").error().what, "the answer has no token");
    EXPECT_FALSE(parse_token(R"({"token":"a\r\nX: y"})"));
}

} // namespace
} // namespace mangrove::oci
