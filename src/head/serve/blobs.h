#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace mangrove::head {

/// Knows the SHA-256 of files, and reads one again only when it has changed.
class Blobs {
  public:
    Result<std::string> digest(const std::filesystem::path& file);

  private:
    struct Known {
        uintmax_t size;
        std::filesystem::file_time_type changed;
        std::string digest;
    };
    std::map<std::filesystem::path, Known> known_;
};

} // namespace mangrove::head
