#pragma once

#include "system/downloads.h"

namespace mangrove {

/// libcurl.
class LinuxDownloads : public Downloads {
  public:
    Result<DownloadAnswer> download(const DownloadRequest& request, const DownloadSink& sink) override;
};

} // namespace mangrove
