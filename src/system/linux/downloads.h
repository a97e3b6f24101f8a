#pragma once

#include "system/downloads.h"

namespace mangrove {

/// libcurl.
class LinuxDownloads : public Downloads {
  public:
    Result<DownloadAnswer> download(const DownloadRequest& request, const DownloadSink& sink) override;
    std::unique_ptr<Ranges> open_ranges() override;
};

} // namespace mangrove
