#include "trust/sealed.h"

#include <gtest/gtest.h>

namespace mangrove::trust {

TEST(Sealed, OnlyTheKeyOpensIt) {
    std::string key(kSealKeySize, 'k');
    std::string sealed = seal(key, "a definition");
    EXPECT_EQ(sealed.find("definition"), std::string::npos);
    EXPECT_EQ(unseal(key, sealed).value_or(""), "a definition");
    EXPECT_FALSE(unseal(std::string(kSealKeySize, 'l'), sealed));
    EXPECT_FALSE(unseal("k", sealed));
}

TEST(Sealed, AChangedOneIsRefused) {
    std::string key(kSealKeySize, 'k');
    std::string sealed = seal(key, "a definition");
    for (size_t at = 0; at < sealed.size(); ++at) {
        std::string changed = sealed;
        changed[at] ^= 1;
        EXPECT_FALSE(unseal(key, changed)) << at;
        EXPECT_FALSE(unseal(key, sealed.substr(0, at))) << at;
    }
}

} // namespace mangrove::trust
