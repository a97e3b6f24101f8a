#include "head/image/boot_image.h"

#include <gtest/gtest.h>

namespace mangrove::head {

namespace {

void put(std::string& bytes, size_t offset, uint64_t number, size_t size) {
    if (bytes.size() < offset + size) bytes.resize(offset + size);
    for (size_t i = 0; i < size; ++i)
        bytes[offset + i] = static_cast<char>(number >> (8 * i));
}

/// A program whose sections are at these addresses, 0x100 bytes each.
std::string program(const std::vector<uint32_t>& addresses) {
    std::string bytes;
    put(bytes, 0x3c, 0x80, 4);
    put(bytes, 0x80, 0x4550, 4);
    put(bytes, 0x86, addresses.size(), 2);
    put(bytes, 0x94, 0xf0, 2); // the size of the optional header
    put(bytes, 0x98, 0x20b, 2);
    put(bytes, 0xb0, 0x14d000000, 8);
    put(bytes, 0xb8, 0x1000, 4);
    for (size_t i = 0; i < addresses.size(); ++i) {
        put(bytes, 0x188 + 40 * i + 8, 0x100, 4);
        put(bytes, 0x188 + 40 * i + 12, addresses[i], 4);
    }
    return bytes;
}

} // namespace

TEST(BootImage, SectionsComeBehindThoseOfTheStub) {
    Result<PeLayout> layout = pe_layout(program({0x4000, 0x9000, 0x6000}));
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->base, 0x14d000000u);
    EXPECT_EQ(layout->alignment, 0x1000u);
    EXPECT_EQ(layout->end, 0x9100u);
}

TEST(BootImage, NoPartOfAStubIsReadBehindItsEnd) {
    std::string whole = program({0x4000});
    for (size_t size = 0; size < whole.size() - 24; ++size)
        EXPECT_FALSE(pe_layout(std::string_view(whole).substr(0, size))) << size;
}

TEST(BootImage, OtherFilesAreRefused) {
    std::string of_32_bits = program({0x4000});
    put(of_32_bits, 0x98, 0x10b, 2);
    EXPECT_EQ(describe(pe_layout(of_32_bits).error()), "not a program of UEFI for 64 bits (PE32+)");
    std::string far = program({0x4000});
    put(far, 0x3c, 0xffffffff, 4);
    EXPECT_EQ(describe(pe_layout(far).error()), "not a program of UEFI");
    std::string unaligned = program({0x4000});
    put(unaligned, 0xb8, 0, 4);
    EXPECT_FALSE(pe_layout(unaligned));
}

} // namespace mangrove::head
