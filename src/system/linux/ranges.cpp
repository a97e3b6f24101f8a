#include "system/linux/ranges.h"

#include <algorithm>
#include <cctype>
#include <list>
#include <memory>
#include <span>

#include "system/linux/curl_error.h"
#include "system/linux/curl_handle.h"

// Parts of files (RFC 9110, 14) over HTTP/1.1 and 2, also over TLS, through the multi interface of libcurl.

namespace mangrove {

namespace {

constexpr long kMostConnections = 6; ///< to one server
constexpr unsigned kFirstError = 400;

/// "<Error><Code>AccessDenied</Code>…", which comes in one piece.
std::string code_of_error(std::string_view body) {
    constexpr std::string_view kBegin = "<Code>";
    constexpr size_t kLongest = 64;
    size_t begin = body.find(kBegin);
    if (begin == std::string_view::npos) return {};
    std::string_view code = body.substr(begin + kBegin.size(), kLongest);
    code = code.substr(0, code.find('<'));
    bool is_word = std::ranges::all_of(code, [](unsigned char c) { return std::isalnum(c); });
    return is_word ? std::string(code) : "";
}

/// One request, for as long as it is under way.
class Request {
  public:
    Request(uint64_t number, RangeRequest wanted, Ranges::Sink sink)
        : number_(number), wanted_(std::move(wanted)), sink_(std::move(sink)) {
        if (handle()) set_options();
    }

    CURL* handle() const { return handle_.get(); }
    /// True if something has come since the last call.
    bool has_moved() { return std::exchange(has_moved_, false); }

    Ranges::End end(CURLcode outcome) {
        if (!has_head_) read_head();
        Ranges::End end = {.number = number_, .head = head_, .round_trip = round_trip()};
        if (outcome != CURLE_OK && !is_refused_)
            end.error = curl_error(
                outcome, {.handle = handle(), .said = handle_.said(), .patience = wanted_.patience});
        return end;
    }

  private:
    void set_options() {
        handle_.set_common(wanted_.url, "http,https", wanted_.connect_patience, wanted_.patience);
        // A libcurl that was built without it refuses, and stays with HTTP/1.1.
        handle_.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
        handle_.set(CURLOPT_TCP_KEEPALIVE, 1L);
        handle_.set(CURLOPT_WRITEFUNCTION, take);
        handle_.set(CURLOPT_WRITEDATA, this);
        handle_.set(CURLOPT_PRIVATE, this);
        if (wanted_.length > 0)
            handle_.set(CURLOPT_RANGE,
                        text(wanted_.offset, "-", wanted_.offset + wanted_.length - 1).c_str());
        handle_.set_addresses(wanted_.host, wanted_.port, wanted_.addresses);
        if (!wanted_.authorities.empty()) {
            // It is copied; no file of it is there any more when the root is.
            curl_blob blob = {wanted_.authorities.data(), wanted_.authorities.size(), CURL_BLOB_COPY};
            handle_.set(CURLOPT_CAINFO_BLOB, &blob);
        }
        set_credentials();
        if (!wanted_.version.empty()) handle_.add_header("If-Range: " + wanted_.version);
        if (!wanted_.accept.empty()) handle_.add_header("Accept: " + wanted_.accept);
        // No header line, for a signature would have it, and proxies change it. Nothing is decoded.
        handle_.set(CURLOPT_ACCEPT_ENCODING, "identity");
        handle_.set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    }

    void set_credentials() {
        if (!wanted_.token.empty()) handle_.add_header("Authorization: Bearer " + wanted_.token);
        if (wanted_.username.empty()) return;
        if (wanted_.region.empty())
            handle_.set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        else
            handle_.set(CURLOPT_AWS_SIGV4, text("aws:amz:", wanted_.region, ":s3").c_str());
        handle_.set(CURLOPT_USERNAME, wanted_.username.c_str());
        handle_.set(CURLOPT_PASSWORD, wanted_.password.c_str());
    }

    void read_head() {
        has_head_ = true;
        head_.status = static_cast<unsigned>(handle_.number(CURLINFO_RESPONSE_CODE));
        head_.redirect = handle_.redirect();
        head_.retry_after = seconds(handle_.count(CURLINFO_RETRY_AFTER));
        head_.content_range = handle_.header("Content-Range");
        head_.content_encoding = handle_.header("Content-Encoding");
        head_.etag = handle_.header("ETag");
        head_.last_modified = handle_.header("Last-Modified");
        if (head_.status == 401) head_.authenticate = handle_.headers("WWW-Authenticate");
    }

    std::optional<milliseconds> round_trip() const {
        using std::chrono::microseconds;
        microseconds connected(handle_.count(CURLINFO_CONNECT_TIME_T));
        if (connected.count() == 0 || handle_.number(CURLINFO_NUM_CONNECTS) == 0) return std::nullopt;
        return std::chrono::round<milliseconds>(connected
                                                - microseconds(handle_.count(CURLINFO_NAMELOOKUP_TIME_T)));
    }

    static size_t take(char* data, size_t, size_t size, void* context) {
        auto& request = *static_cast<Request*>(context);
        if (!request.has_head_) {
            request.read_head();
            if (request.head_.status >= kFirstError) request.head_.refusal = code_of_error({data, size});
        }
        request.has_moved_ = true;
        if (request.sink_(request.head_, {reinterpret_cast<const uint8_t*>(data), size})) return size;
        request.is_refused_ = true;
        return CURL_WRITEFUNC_ERROR;
    }

    uint64_t number_;
    RangeRequest wanted_;
    Ranges::Sink sink_;
    CurlHandle handle_;
    RangeHead head_;
    bool has_head_ = false;
    bool has_moved_ = false;
    bool is_refused_ = false;
};

class LinuxRanges : public Ranges {
  public:
    LinuxRanges() : multi_(::curl_multi_init()) {
        ::curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, kMostConnections);
    }
    ~LinuxRanges() override {
        for (Request& request : requests_)
            ::curl_multi_remove_handle(multi_, request.handle());
        requests_.clear();
        ::curl_multi_cleanup(multi_);
    }
    LinuxRanges(const LinuxRanges&) = delete;
    LinuxRanges& operator=(const LinuxRanges&) = delete;

    Result<> start(uint64_t number, const RangeRequest& wanted, Sink sink) override {
        Request& request = requests_.emplace_back(number, wanted, std::move(sink));
        if (request.handle() && ::curl_multi_add_handle(multi_, request.handle()) == CURLM_OK) return {};
        requests_.pop_back();
        return permanent_error("libcurl failed to start");
    }

    bool wait(const UniqueFd* woken_by, const UniqueFd* nudged_by, Deadline deadline,
              std::vector<End>& ends) override {
        constexpr milliseconds kLongest = std::chrono::minutes(1);
        curl_waitfd waking[] = {{woken_by ? woken_by->get() : -1, CURL_WAIT_POLLIN, 0},
                                {nudged_by ? nudged_by->get() : -1, CURL_WAIT_POLLIN, 0}};
        for (;;) {
            int running = 0;
            ::curl_multi_perform(multi_, &running);
            bool has_news = add_ended(ends);
            auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
            bool is_over = has_moved() || has_news || left.count() <= 0;
            poll(waking, is_over ? milliseconds(0) : std::min<milliseconds>(left, kLongest));
            if (is_over || waking[0].revents != 0 || waking[1].revents != 0) return waking[0].revents != 0;
        }
    }

  private:
    void poll(std::span<curl_waitfd> waking, milliseconds time_limit) {
        for (curl_waitfd& each : waking)
            each.revents = 0;
        // poll(2) passes over a descriptor that is negative.
        ::curl_multi_poll(multi_, waking.data(), static_cast<unsigned>(waking.size()),
                          static_cast<int>(time_limit.count()), nullptr);
    }

    bool has_moved() {
        bool moved = false;
        for (Request& request : requests_)
            moved = request.has_moved() || moved;
        return moved;
    }

    bool add_ended(std::vector<End>& ends) {
        size_t before = ends.size();
        int left = 0;
        while (CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* handle = message->easy_handle;
            CURLcode outcome = message->data.result;
            ::curl_multi_remove_handle(multi_, handle);
            std::erase_if(requests_, [&](Request& request) {
                if (request.handle() != handle) return false;
                ends.push_back(request.end(outcome));
                return true;
            });
        }
        return ends.size() > before;
    }

    CURLM* multi_;
    std::list<Request> requests_; ///< libcurl has their addresses
};

} // namespace

std::unique_ptr<Ranges> open_linux_ranges() {
    return std::make_unique<LinuxRanges>();
}

} // namespace mangrove
