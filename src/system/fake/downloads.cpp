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

} // namespace mangrove
