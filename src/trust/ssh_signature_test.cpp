#include "trust/ssh_signature.h"

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/stage.h"
#include "base/whole_file.h"
#include "trust/test_keys.h"
#include "trust/test_signature.h"

namespace mangrove::trust {
namespace {

using testing::HasSubstr;

constexpr const char* kTypes[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com",
                                  "sk-ecdsa-sha2-nistp256@openssh.com"};

/// Why a signature is refused; empty: it is not.
std::string refusal(std::string_view written, std::string_view message) {
    Result<SshSignature> signature = parse_ssh_signature(written);
    if (!signature) return signature.error().what;
    Result<> fits = check_ssh_signature(*signature, message);
    return fits ? "" : fits.error().what;
}

std::string refusal_of(const std::string& blob, std::string_view message = "{}") {
    return refusal(definition::to_base64(as_bytes(blob)), message);
}

TEST(SshSignature, OfEachTypeOfKeyHolds) {
    for (const char* type : kTypes)
        for (const char* hash : {"sha256", "sha512"}) {
            TestKey key(type);
            std::string written = definition::to_base64(as_bytes(key.sign("{}", {.hash = hash})));
            EXPECT_EQ(refusal(written, "{}"), "") << type << " " << hash;
            EXPECT_EQ(parse_ssh_signature(written)->key.blob, parse_public_key(as_bytes(key.blob()))->blob);
        }
}

TEST(SshSignature, OfSshKeygenHolds) {
    EXPECT_EQ(refusal(kSignature, kSignedDefinition), "");
    EXPECT_EQ(refusal(one_line(kSignature), kSignedDefinition), "");
    char name[] = "/tmp/mangrove-trust-XXXXXX";
    ASSERT_TRUE(::mkdtemp(name));
    Stage stage{std::filesystem::path(name)};
    ASSERT_TRUE(write_file(stage.path / "a.json", "{}\n"));
    for (std::string type : {"ed25519", "ecdsa"})
        for (std::string hash : {"sha256", "sha512"}) {
            std::string key = (stage.path / (type + hash)).native();
            std::string commands = "ssh-keygen -q -t " + type + " -N '' -f " + key
                                   + " && ssh-keygen -q -Y sign -n mangrove -O hashalg=" + hash + " -f " + key
                                   + " <" + (stage.path / "a.json").native() + " >" + key + ".sig";
            ASSERT_EQ(std::system(commands.c_str()), 0) << commands;
            std::string signature = *read_file(key + ".sig");
            EXPECT_EQ(refusal(signature, "{}\n"), "") << type << " " << hash;
            EXPECT_THAT(refusal(signature, "{}"), HasSubstr("the signature does not fit")) << type;
        }
}

TEST(SshSignature, IsShownAsSshKeygenDoes) {
    // ssh-keygen -l
    EXPECT_EQ(parse_ssh_signature(kSignature)->key.fingerprint(),
              "SHA256:k0imSxessIgcx1+Be0DcX/p7OWpKKA0xCmLznoTRZ6w");
}

TEST(SshSignature, OfAnotherTextIsRefused) {
    for (const char* type : kTypes)
        EXPECT_EQ(refusal(TestKey(type).sign("{}"), "{ }"),
                  "the signature does not fit; the definition was changed after it was signed, or is another "
                  "one: sign it "
                  "again")
            << type;
}

TEST(SshSignature, OfAnotherNamespaceIsRefused) {
    EXPECT_EQ(refusal_of(TestKey("ssh-ed25519").sign("{}", {.name_space = "git"})),
              "the signature is for the namespace 'git', not for 'mangrove'; sign with ssh-keygen -Y sign -n "
              "mangrove");
}

TEST(SshSignature, OfAnotherFormIsRefused) {
    TestKey key("ssh-ed25519");
    EXPECT_EQ(refusal_of(key.sign("{}", {.version = 2})),
              "the signature has the unknown version 2; sign with ssh-keygen -Y sign");
    EXPECT_EQ(refusal_of(key.sign("{}", {.hash = "sha1"})),
              "the signature uses the unknown digest 'sha1'; sign with sha512 or sha256");
    EXPECT_EQ(refusal_of(key.sign("{}", {}) + "x"),
              "the signature has 1 bytes too many; copy it without anything else");
    EXPECT_THAT(refusal("", "{}"), HasSubstr("is not one of ssh-keygen -Y sign"));
    EXPECT_THAT(refusal("-----BEGIN PGP SIGNATURE-----", "{}"),
                HasSubstr("is not one of ssh-keygen -Y sign"));
    EXPECT_EQ(refusal(std::string(20000, 'A'), "{}"),
              "the signature is larger than 16 KiB; give one signature and nothing else");
    EXPECT_EQ(refusal(kSignature + kSignature, kSignedDefinition),
              "more text follows the signature; give one signature and nothing else");
}

TEST(SshSignature, ThatIsTruncatedIsRefused) {
    for (const char* type : kTypes) {
        std::string whole = TestKey(type).sign("{}", {});
        for (size_t size = 0; size < whole.size(); ++size)
            EXPECT_NE(refusal_of(whole.substr(0, size)), "") << type << " " << size;
    }
    EXPECT_EQ(refusal(kSignature.substr(0, kSignature.size() - 20), kSignedDefinition),
              "the signature is truncated; copy the whole of it");
}

TEST(SshSignature, IsRefusedWhenAnyBitIsChanged) {
    for (const char* type : kTypes) {
        const std::string whole = TestKey(type).sign("{}", {});
        for (size_t i = 0; i < whole.size(); ++i) {
            std::string changed = whole;
            changed[i] = static_cast<char>(changed[i] ^ 0x10);
            EXPECT_NE(refusal_of(changed), "") << type << " " << i;
        }
    }
}

TEST(SshSignature, OfAHardwareKeyNeedsATouch) {
    for (const char* type : {kTypes[2], kTypes[3]}) {
        TestKey key(type);
        EXPECT_THAT(refusal_of(key.sign("{}", {.flags = 0})),
                    HasSubstr("the hardware key signed without a touch"));
        EXPECT_EQ(refusal_of(key.sign("{}", {.flags = 0x05})), "") << "with a PIN, too";
    }
}

TEST(SshSignature, OfAnUnsupportedKeyIsRefused) {
    std::string rsa = WireWriter().string("ssh-rsa").string("\x01").string("x").written;
    WireWriter blob;
    blob.written = "SSHSIG";
    blob.number(1).string(rsa).string("mangrove").string("").string("sha512").string("");
    EXPECT_EQ(refusal_of(blob.written), "keys of the type 'ssh-rsa' are not supported; use ssh-ed25519, "
                                        "ecdsa-sha2-nistp256 or the sk- form of one of them");
    std::string no_point =
        WireWriter().string(kTypes[1]).string("nistp256").string("\x04" + std::string(64, 'x')).written;
    EXPECT_EQ(parse_public_key(as_bytes(no_point)).error().what, "the key is damaged; copy it again");
}

TEST(SshSignature, WithAKeyOfSmallOrderIsRefused) {
    std::string point(32, '\0');
    point[0] = 1; // the neutral element: R = neutral and S = 0 would fit every message
    std::string key = WireWriter().string("ssh-ed25519").string(point).written;
    WireWriter blob;
    blob.written = "SSHSIG";
    std::string signature = WireWriter().string("ssh-ed25519").string(point + std::string(32, '\0')).written;
    blob.number(1).string(key).string("mangrove").string("").string("sha512").string(signature);
    EXPECT_THAT(refusal_of(blob.written), HasSubstr("the signature does not fit"));
}

} // namespace
} // namespace mangrove::trust
