#pragma once

#include <deque>
#include <map>

#include "system/downloads.h"
#include "system/fake/transcript.h"

namespace mangrove {

/// Servers that answer what the test says, each answer once, the last one again and again.
class FakeDownloads : public Downloads {
  public:
    struct Answer {
        DownloadAnswer head = {};
        std::string body = {};
        std::optional<Error> error = {}; ///< after the body
    };

    explicit FakeDownloads(Transcript& transcript) : transcript_(transcript) {}
    void serve(const std::string& url, Answer answer) { answers_[url].push_back(std::move(answer)); }

    std::vector<DownloadRequest> requests; ///< so far

    Result<DownloadAnswer> download(const DownloadRequest& request, const DownloadSink& sink) override;

  private:
    Transcript& transcript_;
    std::map<std::string, std::deque<Answer>> answers_;
};

} // namespace mangrove
