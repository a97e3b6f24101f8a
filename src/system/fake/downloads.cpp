#include "system/fake/downloads.h"

namespace mangrove {

Result<DownloadAnswer> FakeDownloads::download(const DownloadRequest& request, const DownloadSink& sink) {
    TRY(transcript_.record("downloading " + request.url));
    requests.push_back(request);
    std::deque<Answer>& answers = answers_[request.url];
    if (answers.empty()) return DownloadAnswer{.status = 404};
    Answer answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    if (answer.head.status == (request.offset > 0 ? 206 : 200) && !answer.body.empty())
        TRY(sink(as_bytes(answer.body)));
    if (answer.error) return std::unexpected(*answer.error);
    answer.head.is_rest = request.offset > 0 && answer.head.status == 206 && !answer.body.empty();
    return answer.head;
}

namespace {

class FakeRanges : public Ranges {
  public:
    explicit FakeRanges(FakeDownloads& downloads) : downloads_(downloads) {}

    Result<> start(uint64_t number, const RangeRequest& request, Sink sink) override {
        started_.push_back({number, request, std::move(sink)});
        return {};
    }

    bool wait(const UniqueFd*, const UniqueFd*, Deadline deadline, std::vector<End>& ends) override {
        if (started_.empty()) return downloads_.when_waiting(deadline);
        Started next = std::move(started_.front());
        started_.pop_front();
        FakeDownloads::RangeReply reply = downloads_.answer(next.request);
        // In two pieces, the border of which is nobody's.
        size_t half = reply.body.size() / 2;
        bool is_taken = half == 0 || next.sink(reply.head, as_bytes(reply.body).first(half));
        if (is_taken && !reply.body.empty()) next.sink(reply.head, as_bytes(reply.body).subspan(half));
        ends.push_back({next.number, reply.head, reply.error, reply.round_trip});
        return false;
    }

  private:
    struct Started {
        uint64_t number;
        RangeRequest request;
        Sink sink;
    };
    FakeDownloads& downloads_;
    std::deque<Started> started_;
};

} // namespace

std::unique_ptr<Ranges> FakeDownloads::open_ranges() {
    return std::make_unique<FakeRanges>(*this);
}

FakeDownloads::RangeReply FakeDownloads::answer(const RangeRequest& request) {
    ranges.push_back(request);
    if (Result<> recorded = transcript_.record(text("asking for a part of ", request.url)); !recorded)
        return {.error = recorded.error()};
    auto server = range_servers_.find(request.url);
    return server == range_servers_.end() ? RangeReply{.head = {.status = 404}} : server->second(request);
}

FakeDownloads::RangeServer FakeDownloads::serve_file(std::string contents, std::string etag) {
    return [contents = std::move(contents), etag = std::move(etag)](const RangeRequest& request) {
        RangeReply reply;
        reply.head.etag = etag;
        if (!request.version.empty() && request.version != etag) {
            reply.head.status = 200;
            reply.body = contents;
            return reply;
        }
        uint64_t end = std::min<uint64_t>(request.offset + request.length, contents.size());
        if (request.offset >= end) {
            reply.head.status = 416;
            return reply;
        }
        reply.head.status = 206;
        reply.head.content_range = text("bytes ", request.offset, "-", end - 1, "/", contents.size());
        reply.body = contents.substr(request.offset, end - request.offset);
        return reply;
    };
}

} // namespace mangrove
