#include "system/linux/downloads.h"

#include <memory>
#include <optional>

#include "system/linux/curl_error.h"
#include "system/linux/curl_handle.h"
#include "system/linux/ranges.h"
#include "system/linux/reserved_port.h"

// HTTP/1.1 (RFC 9112), also over TLS, TFTP (RFC 1350, with the options of RFC 2347) and local files, through
// libcurl.

namespace mangrove {

namespace {

constexpr seconds kTimeToConnect{10};
/// libcurl makes its patience with a lost packet of TFTP from the time that there is in all.
constexpr seconds kTimeForTftp{600};

/// One request, from its options to what became of it.
class Transfer {
  public:
    Transfer(const DownloadRequest& request, const DownloadSink& sink) : request_(request), sink_(sink) {}

    Result<DownloadAnswer> run() {
        if (!handle_.get()) return permanent_error("libcurl failed to start");
        set_options();
        CURLcode outcome = ::curl_easy_perform(handle_.get());
        if (sink_error_) return std::unexpected(*std::move(sink_error_));
        DownloadAnswer answer = {.version = version(), .is_rest = request_.offset > 0 && has_begun_};
        if (outcome != CURLE_OK && !is_body_unwanted_) {
            Error error = curl_error(outcome, transfer());
            if (!error.is_transient() || answer.version.empty() || !has_begun_)
                return std::unexpected(std::move(error));
            answer.broken_off = std::move(error);
        }
        if (long status = handle_.number(CURLINFO_RESPONSE_CODE); status != 0 && is_http())
            answer.status = static_cast<unsigned>(status);
        answer.redirect = handle_.redirect();
        answer.retry_after = seconds(handle_.count(CURLINFO_RETRY_AFTER));
        answer.reason = reason_;
        return answer;
    }

  private:
    std::string version() const {
        std::string tag = handle_.header("ETag");
        if (tag.starts_with("W/")) return {}; // it says nothing of the bytes, nor does a date beside it
        return tag.empty() ? handle_.header("Last-Modified") : tag;
    }
    /// Not every server looks at If-Range, and a part may be shorter than what was asked for (RFC
    /// 9110, 14.4).
    bool is_rest() const {
        std::string range = handle_.header("Content-Range"); // bytes 5-8/9
        std::string begin = text("bytes ", request_.offset, "-");
        if (!range.starts_with(begin)) return false;
        std::vector<std::string> ends = split(range.substr(begin.size()), '/');
        bool is_to_the_end =
            ends.size() == 2
            && (ends[1] == "*" || parse_number(ends[0]).value_or(0) + 1 == parse_number(ends[1]));
        return is_to_the_end && (version().empty() || version() == request_.version);
    }
    bool is_wanted() const {
        long status = handle_.number(CURLINFO_RESPONSE_CODE);
        return request_.offset == 0 ? status == 200 : status == 206 && (has_begun_ || is_rest());
    }
    bool is_http() const { return request_.url.starts_with("http"); }

    void set_options() {
        handle_.set_common(request_.url, "http,https,tftp,file", kTimeToConnect, request_.patience);
        handle_.set(CURLOPT_BUFFERSIZE, 131072L);
        handle_.set(CURLOPT_TFTP_BLKSIZE, 1428L); // fills a packet of Ethernet
        handle_.set(CURLOPT_WRITEFUNCTION, take);
        handle_.set(CURLOPT_WRITEDATA, this);
        if (is_http()) handle_.set(CURLOPT_SOCKOPTFUNCTION, prepare_socket);
        if (!request_.authorities.empty()) handle_.set(CURLOPT_CAINFO, request_.authorities.c_str());
        milliseconds limit = request_.time_limit;
        if (limit.count() == 0 && request_.url.starts_with("tftp:")) limit = kTimeForTftp;
        handle_.set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
        handle_.set_addresses(request_.host, request_.port, request_.addresses);
        if (request_.json) set_json();
        if (request_.offset > 0)
            set_range();
        else if (!request_.version.empty())
            set_condition();
    }

    void set_json() {
        handle_.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.json->size()));
        handle_.set(CURLOPT_POSTFIELDS, request_.json->data());
        handle_.add_header("Content-Type: application/json");
    }

    /// RFC 9110, 13.1.5 and 14.2: the rest of the same version, or all of another one.
    void set_range() {
        handle_.set(CURLOPT_RANGE, text(request_.offset, "-").c_str());
        handle_.add_header("If-Range: " + request_.version);
    }

    /// RFC 9110, 13.1.2 and 13.1.3. An ETag is quoted, a date is not.
    void set_condition() {
        bool is_tag = request_.version.starts_with('"');
        std::string condition = text(is_tag ? "If-None-Match: " : "If-Modified-Since: ", request_.version);
        handle_.add_header(condition);
    }

    static int prepare_socket(void*, curl_socket_t socket, curlsocktype) {
        bind_reserved_port(socket);
        return CURL_SOCKOPT_OK;
    }

    static size_t take(char* data, size_t, size_t size, void* context) {
        auto& transfer = *static_cast<Transfer*>(context);
        if (transfer.is_http() && !transfer.is_wanted()) {
            transfer.is_body_unwanted_ = true;
            transfer.note_reason({data, size});
            return CURL_WRITEFUNC_ERROR;
        }
        transfer.has_begun_ = true;
        Result<> taken = transfer.sink_({reinterpret_cast<const uint8_t*>(data), size});
        if (taken) return size;
        transfer.sink_error_ = std::move(taken).error();
        return CURL_WRITEFUNC_ERROR;
    }

    /// The words are a stranger's: a short line of printable ones is kept.
    void note_reason(std::string_view body) {
        constexpr size_t kLongest = 200;
        if (handle_.number(CURLINFO_RESPONSE_CODE) < 400
            || !handle_.header("Content-Type").starts_with("text/plain"))
            return;
        reason_ = body.substr(0, std::min(body.find('\n'), kLongest));
        for (char& letter : reason_)
            if (letter < ' ' || letter > '~') letter = '?';
    }

    CurlTransfer transfer() const {
        return {.handle = handle_.get(),
                .said = handle_.said(),
                .authorities = request_.authorities,
                .is_http = is_http(),
                .time_limit = request_.time_limit,
                .patience = request_.patience};
    }

    const DownloadRequest& request_;
    const DownloadSink& sink_;
    CurlHandle handle_;
    std::optional<Error> sink_error_;
    bool is_body_unwanted_ = false;
    std::string reason_;
    bool has_begun_ = false; ///< part of the body went to the sink
};

} // namespace

static bool has_curl() {
    static const CURLcode started = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    return started == CURLE_OK;
}

Result<DownloadAnswer> LinuxDownloads::download(const DownloadRequest& request, const DownloadSink& sink) {
    if (!has_curl()) return permanent_error("libcurl failed to start");
    return Transfer(request, sink).run();
}

std::unique_ptr<Ranges> LinuxDownloads::open_ranges() {
    has_curl(); // where it has none, each request says so
    return open_linux_ranges();
}

} // namespace mangrove
