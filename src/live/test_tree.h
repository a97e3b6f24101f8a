#pragma once

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole_file.h"

namespace mangrove {

/// A directory of the test, with files below it.
class TestTree {
  public:
    TestTree() {
        char name[] = "/tmp/mangrove-live-XXXXXX";
        EXPECT_NE(::mkdtemp(name), nullptr);
        path_ = name;
    }
    ~TestTree() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestTree(const TestTree&) = delete;
    TestTree& operator=(const TestTree&) = delete;

    const std::string& path() const { return path_; }
    std::string at(const std::string& name) const { return path_ + name; }

    void put(const std::string& name, const std::string& contents, unsigned mode = 0644) const {
        std::filesystem::create_directories(at(name.substr(0, name.rfind('/'))));
        ASSERT_TRUE(write_file(at(name), contents, 0600));
        ASSERT_EQ(::chmod(at(name).c_str(), mode), 0);
    }
    void link(const std::string& name, const std::string& target) const {
        std::filesystem::create_directories(at(name.substr(0, name.rfind('/'))));
        ASSERT_EQ(::symlink(target.c_str(), at(name).c_str()), 0);
    }
    void make(const std::string& name, unsigned mode = 0755) const {
        std::filesystem::create_directories(at(name));
        ASSERT_EQ(::chmod(at(name).c_str(), mode), 0);
    }
    void remove(const std::string& name) const { std::filesystem::remove_all(at(name)); }
    /// The contents, "-> TARGET", or "(none)".
    std::string read(const std::string& name) const {
        std::error_code problem;
        std::filesystem::path target = std::filesystem::read_symlink(at(name), problem);
        if (!problem) return "-> " + target.native();
        return read_file(at(name)).value_or("(none)");
    }
    struct stat status(const std::string& name) const {
        struct stat status = {};
        EXPECT_EQ(::lstat(at(name).c_str(), &status), 0) << name;
        return status;
    }

  private:
    std::string path_;
};

} // namespace mangrove
