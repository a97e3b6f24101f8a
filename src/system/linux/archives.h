#pragma once

#include "system/archives.h"

namespace mangrove {

/// libarchive.
class LinuxArchives : public Archives {
  public:
    Result<Beginning> look_into(const std::string& file) override;
    Result<> decompress(const std::string& file, const std::string& target) override;
    Result<> unpack(const std::string& file, const std::string& directory) override;
};

} // namespace mangrove
