#pragma once

#include <map>

#include "system/archives.h"
#include "system/fake/system.h"

namespace mangrove {

/// Knows the archives and the compressed files that the test has named, by their contents.
class FakeArchives : public Archives {
  public:
    explicit FakeArchives(FakeSystem& system) : system_(system) { system.use(*this); }

    /// Unpacked, a file with these contents is these files.
    void add_archive(const std::string& contents, std::map<std::string, std::string> files) {
        archives_[contents] = std::move(files);
    }
    void add_compressed(const std::string& contents, std::string decompressed) {
        compressed_[contents] = std::move(decompressed);
    }
    /// Makes unpacking and decompressing fail for lack of space.
    bool is_full = false;

    Result<Beginning> look_into(const std::string& file) override;
    Result<> decompress(const std::string& file, const std::string& target) override;
    Result<> unpack(const std::string& file, const std::string& directory) override;

  private:
    FakeSystem& system_;
    std::map<std::string, std::map<std::string, std::string>> archives_;
    std::map<std::string, std::string> compressed_;
};

} // namespace mangrove
