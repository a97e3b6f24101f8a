#include "system/linux/ranges.h"

#include <list>
#include <memory>
#include <optional>

#include "system/linux/curl_error.h"

// Parts of files (RFC 9110, 14) over HTTP/1.1, also over TLS, through the multi interface of libcurl.

namespace mangrove {

namespace {

constexpr long kMostConnections = 6; ///< to one server

struct HandleDeleter {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

/// One request, for as long as it is under way.
class Request {
  public:
    Request(uint64_t number, RangeRequest wanted, Ranges::Sink sink)
        : number_(number), wanted_(std::move(wanted)), sink_(std::move(sink)), handle_(::curl_easy_init()) {
        if (handle_) set_options();
    }

    CURL* handle() const { return handle_.get(); }
    /// True if something has come since the last call.
    bool has_moved() { return std::exchange(has_moved_, false); }

    Ranges::End end(CURLcode outcome) {
        if (!has_head_) read_head();
        Ranges::End end = {.number = number_, .head = head_};
        if (outcome != CURLE_OK && !is_refused_)
            end.error =
                curl_error(outcome, {.handle = handle(), .said = said_, .patience = wanted_.patience});
        return end;
    }

  private:
    template <typename Value>
    void set(CURLoption option, Value value) {
        ::curl_easy_setopt(handle(), option, value);
    }
    std::string header(const char* name) const {
        curl_header* found = nullptr;
        bool is_there = ::curl_easy_header(handle(), name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK;
        return is_there ? found->value : "";
    }
    void add_header(const std::string& line) {
        curl_slist* list = ::curl_slist_append(headers_.get(), line.c_str());
        if (!list) return;
        static_cast<void>(headers_.release());
        headers_.reset(list);
    }

    void set_options() {
        set(CURLOPT_URL, wanted_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)); // or a later one
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_PROXY, ""); // not what an argument of the kernel put into the environment
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_USERAGENT, "mangrove");
        set(CURLOPT_TCP_KEEPALIVE, 1L);
        set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(wanted_.connect_patience.count()));
        set(CURLOPT_LOW_SPEED_LIMIT, kCurlLeastRate);
        set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(wanted_.patience.count()));
        set(CURLOPT_ERRORBUFFER, said_);
        set(CURLOPT_WRITEFUNCTION, take);
        set(CURLOPT_WRITEDATA, this);
        set(CURLOPT_PRIVATE, this);
        set(CURLOPT_RANGE, text(wanted_.offset, "-", wanted_.offset + wanted_.length - 1).c_str());
        if (!wanted_.addresses.empty()) {
            addresses_.reset(::curl_slist_append(
                nullptr, curl_addresses(wanted_.host, wanted_.port, wanted_.addresses).c_str()));
            set(CURLOPT_RESOLVE, addresses_.get());
        }
        if (!wanted_.authorities.empty()) {
            // It is copied; no file of it is there any more when the root is.
            curl_blob blob = {wanted_.authorities.data(), wanted_.authorities.size(), CURL_BLOB_COPY};
            set(CURLOPT_CAINFO_BLOB, &blob);
        }
        set_credentials();
        if (!wanted_.version.empty()) add_header("If-Range: " + wanted_.version);
        add_header("Accept-Encoding: identity");
        set(CURLOPT_HTTPHEADER, headers_.get());
    }

    void set_credentials() {
        if (!wanted_.token.empty()) add_header("Authorization: Bearer " + wanted_.token);
        if (wanted_.username.empty()) return;
        set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(CURLOPT_USERNAME, wanted_.username.c_str());
        set(CURLOPT_PASSWORD, wanted_.password.c_str());
    }

    void read_head() {
        has_head_ = true;
        long status = 0;
        ::curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &status);
        head_.status = static_cast<unsigned>(status);
        char* redirect = nullptr;
        ::curl_easy_getinfo(handle(), CURLINFO_REDIRECT_URL, &redirect);
        if (redirect) head_.redirect = redirect;
        curl_off_t retry_after = 0;
        ::curl_easy_getinfo(handle(), CURLINFO_RETRY_AFTER, &retry_after);
        head_.retry_after = seconds(retry_after);
        head_.content_range = header("Content-Range");
        head_.content_encoding = header("Content-Encoding");
        head_.etag = header("ETag");
        head_.last_modified = header("Last-Modified");
    }

    static size_t take(char* data, size_t, size_t size, void* context) {
        auto& request = *static_cast<Request*>(context);
        if (!request.has_head_) request.read_head();
        request.has_moved_ = true;
        if (request.sink_(request.head_, {reinterpret_cast<const uint8_t*>(data), size})) return size;
        request.is_refused_ = true;
        return CURL_WRITEFUNC_ERROR;
    }

    uint64_t number_;
    RangeRequest wanted_;
    Ranges::Sink sink_;
    std::unique_ptr<CURL, HandleDeleter> handle_;
    std::unique_ptr<curl_slist, ListDeleter> addresses_;
    std::unique_ptr<curl_slist, ListDeleter> headers_;
    char said_[CURL_ERROR_SIZE] = {};
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

    bool wait(const UniqueFd* woken_by, Deadline deadline, std::vector<End>& ends) override {
        for (;;) {
            int running = 0;
            ::curl_multi_perform(multi_, &running);
            bool has_news = add_ended(ends);
            if (has_moved() || has_news) return poll(woken_by, milliseconds(0));
            auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
            if (left.count() <= 0) return poll(woken_by, milliseconds(0));
            if (poll(woken_by, std::min<milliseconds>(left, std::chrono::minutes(1)))) return true;
        }
    }

  private:
    /// True if `woken_by` can be read.
    bool poll(const UniqueFd* woken_by, milliseconds time_limit) {
        curl_waitfd waking = {woken_by ? woken_by->get() : -1, CURL_WAIT_POLLIN, 0};
        ::curl_multi_poll(multi_, &waking, woken_by ? 1 : 0, static_cast<int>(time_limit.count()), nullptr);
        return waking.revents != 0;
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
