#include "root/command.h"

#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <linux/limits.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

template <typename T>
std::string raw(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A program with one segment before the one that names the interpreter.
template <typename Header = Elf64_Ehdr, typename Segment = Elf64_Phdr>
std::string elf(Elf64_Half machine, const std::string& interpreter) {
    Header header = {};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = sizeof header == sizeof(Elf64_Ehdr) ? ELFCLASS64 : ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = machine;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Segment);
    header.e_phnum = interpreter.empty() ? 1 : 2;
    Segment load = {};
    load.p_type = PT_LOAD;
    Segment named = {};
    named.p_type = PT_INTERP;
    named.p_offset = sizeof header + 2 * sizeof named;
    named.p_filesz = static_cast<decltype(named.p_filesz)>(interpreter.size() + 1);
    return raw(header) + raw(load) + raw(named) + interpreter + std::string(1, '\0');
}

constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";

struct CommandTest : testing::Test {
    CommandTest() {
        system.add_file("/proc/self/exe", elf(EM_X86_64, ""), 0755);
        system.add_file("/sysroot/lib/ld.so", "", 0755);
        system.add_link("/sysroot/lib64", "/lib");
        system.add_link("/sysroot/lib/ld-linux-x86-64.so.2", "ld.so");
        system.add_file("/sysroot/bin/sh", elf(EM_X86_64, kLoader), 0755);
    }
    std::string check(const std::string& contents) {
        system.add_file("/sysroot/sbin/init", contents, 0755);
        Result<> checked = check_command(system, "/sysroot", "/sbin/init");
        if (checked) return "";
        EXPECT_FALSE(checked.error().is_transient());
        return describe(checked.error());
    }
    Transcript transcript;
    FakeSystem system{transcript};
};

TEST_F(CommandTest, ProgramsAreThoseThatTheKernelCanStart) {
    EXPECT_EQ(check(elf(EM_X86_64, kLoader)), "");
    EXPECT_EQ(check(elf(EM_X86_64, "")), "");
    EXPECT_EQ((check(elf<Elf32_Ehdr, Elf32_Phdr>(EM_386, "/lib/ld.so"))), "");
    system.add_file("/sysroot/sbin/script", "#!/bin/sh\n", 0755);
    for (const char* script : {"#!/bin/sh\nexec x\n", "#! /bin/sh -e\n", "#!/bin/sh", "#!/sbin/script\n"})
        EXPECT_EQ(check(script), "") << script;
}

TEST_F(CommandTest, OneForAnotherCpuIsRefused) {
    EXPECT_EQ(check(elf(EM_AARCH64, kLoader)), "command: /sbin/init is a program for another CPU (AArch64)");
    EXPECT_EQ(check(elf(999, "")), "command: /sbin/init is a program for another CPU (machine 999 of ELF)");
    std::string big_endian = elf(EM_S390 << 8, "");
    big_endian[EI_DATA] = ELFDATA2MSB;
    EXPECT_EQ(check(big_endian), "command: /sbin/init is a program for another CPU (s390)");
}

TEST_F(CommandTest, OneWithoutItsInterpreterIsRefused) {
    EXPECT_EQ(check(elf(EM_X86_64, "/lib64/ld-musl.so.1")),
              "command: /sbin/init needs /lib64/ld-musl.so.1, which the image does not have");
    EXPECT_EQ(check("#!/bin/bash -e\n"),
              "command: /sbin/init needs /bin/bash, which the image does not have");
    system.add_file("/sysroot/lib/ld.so", "", 0644);
    EXPECT_EQ(check(elf(EM_X86_64, kLoader)),
              text("command: /sbin/init needs ", kLoader, ", which is not an executable file"));
    system.remove("/sysroot/lib/ld-linux-x86-64.so.2");
    EXPECT_EQ(check("#!/bin/sh\n"),
              text("command: /sbin/init needs ", kLoader, ", which the image does not have"));
}

TEST_F(CommandTest, ScriptsOfScriptsEndSomewhere) {
    EXPECT_EQ(check("#!/sbin/init\n"),
              "command: the interpreter of /sbin/init is a script itself, nested too deep");
    EXPECT_EQ(check("#! \n/bin/sh"), "command: /sbin/init names no interpreter");
}

TEST_F(CommandTest, ADamagedProgramIsRefused) {
    std::string whole = elf(EM_X86_64, kLoader);
    for (size_t size = SELFMAG; size < whole.size(); ++size)
        EXPECT_EQ(check(whole.substr(0, size)), "command: /sbin/init is a damaged program") << size;
    for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{PATH_MAX + 1}, ~uint64_t{0}}) {
        std::string damaged = whole;
        size_t at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz);
        std::memcpy(damaged.data() + at, &value, sizeof value);
        EXPECT_EQ(check(damaged), "command: /sbin/init is a damaged program") << value;
    }
    uint64_t beyond = ~uint64_t{0};
    for (size_t at : {offsetof(Elf64_Ehdr, e_phoff),
                      sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset)}) {
        std::string damaged = whole;
        std::memcpy(damaged.data() + at, &beyond, sizeof beyond);
        EXPECT_EQ(check(damaged), "command: /sbin/init is a damaged program") << at;
    }
}

} // namespace
} // namespace mangrove
