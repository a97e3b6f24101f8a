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

    /// A server's answer to a request for a part.
    struct RangeReply {
        RangeHead head = {};
        std::string body = {};
        std::optional<Error> error = {}; ///< after the body
        std::optional<milliseconds> round_trip = {};
    };
    using RangeServer = std::function<RangeReply(const RangeRequest&)>;
    void serve_ranges(const std::string& url, RangeServer server) { range_servers_[url] = std::move(server); }
    /// Serves parts as RFC 9110 has it.
    static RangeServer serve_file(std::string contents, std::string etag);

    std::vector<DownloadRequest> requests; ///< so far
    std::vector<RangeRequest> ranges;      ///< so far
    /// Waits for requests for parts when nothing is under way; true when what wakes the waiter can be read.
    std::function<bool(Deadline)> when_waiting = [](Deadline) { return false; };

    Result<DownloadAnswer> download(const DownloadRequest& request, const DownloadSink& sink) override;
    std::unique_ptr<Ranges> open_ranges() override;
    RangeReply answer(const RangeRequest& request);

  private:
    Transcript& transcript_;
    std::map<std::string, std::deque<Answer>> answers_;
    std::map<std::string, RangeServer> range_servers_;
};

} // namespace mangrove
