#include <gtest/gtest.h>

#include "base/sha256.h"

namespace mangrove {
namespace {

// The examples of FIPS 180-4, as NIST gives them.

TEST(Sha256, IsThatOfTheStandard) {
    EXPECT_EQ(Sha256().finish(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    Sha256 digest;
    digest.add(as_bytes("abc"));
    EXPECT_EQ(digest.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, TakesPieces) {
    Sha256 digest;
    for (int i = 0; i < 1000; ++i)
        digest.add(as_bytes(std::string(1000, 'a')));
    EXPECT_EQ(digest.finish(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

} // namespace
} // namespace mangrove
