#pragma once

#include <gtest/gtest.h>

#include "system/fake/system.h"
#include "system/linux/system.h"

namespace mangrove {

// The contract of `System`: the same tests on the fake and on the kernel. Each world has a directory of its
// own, `base`, and puts things there without asking the system under test.

class FakeWorld {
  public:
    FakeWorld();
    FakeSystem& system() { return system_; }
    std::string base() const { return "/base"; }
    void add_file(const std::string& name, const std::string& contents, unsigned mode = 0644);
    void add_link(const std::string& name, const std::string& target);
    /// An ext4 with one file, "/inside".
    void add_image(const std::string& name, const std::string& label, const std::string& inside);
    void add_blank_image(const std::string& name);
    size_t mount_count() { return system_.mounts().size(); }

  private:
    Transcript transcript_;
    FakeSystem system_{transcript_};
};

/// A mount namespace of this process alone, with a tmpfs as `base`.
class LinuxWorld {
  public:
    LinuxWorld();
    ~LinuxWorld();
    LinuxWorld(const LinuxWorld&) = delete;
    LinuxWorld& operator=(const LinuxWorld&) = delete;
    LinuxSystem& system() { return system_; }
    std::string base() const { return base_; }
    void add_file(const std::string& name, const std::string& contents, unsigned mode = 0644);
    void add_link(const std::string& name, const std::string& target);
    void add_image(const std::string& name, const std::string& label, const std::string& inside);
    void add_blank_image(const std::string& name);
    size_t mount_count();

  private:
    LinuxSystem system_;
    std::string base_;
};

template <typename World>
class Contract : public testing::Test {
  protected:
    System& system() { return world_.system(); }
    std::string at(const std::string& name) { return world_.base() + "/" + name; }
    void make(const std::string& name) { ASSERT_TRUE(system().make_directory(at(name))); }
    std::string read(const std::string& name) { return system().read_file(at(name)).value_or("(nothing)"); }
    /// The error of a call that must fail: it names the object, and carries the errno.
    template <typename T>
    void expect_error(const Result<T>& result, int code, const std::string& object) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << describe(result.error());
        EXPECT_NE(result.error().what.find(object), std::string::npos) << describe(result.error());
    }

    World world_;
};

using Worlds = testing::Types<FakeWorld, LinuxWorld>;

} // namespace mangrove
