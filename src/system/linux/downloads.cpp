#include "system/linux/downloads.h"

#include <ctime>
#include <curl/curl.h>
#include <memory>
#include <optional>

#include "system/linux/reserved_port.h"

// HTTP/1.1 (RFC 9112), also over TLS, TFTP (RFC 1350, with the options of RFC 2347) and local files, through
// libcurl.

namespace mangrove {

namespace {

constexpr seconds kTimeToConnect{10};
/// Less is a server that holds the boot up: TFTP over a round trip of a second has more.
constexpr long kLeastRate = 1024; // bytes a second
/// libcurl makes its patience with a lost packet of TFTP from the time that there is in all.
constexpr seconds kTimeForTftp{600};

struct CertificateProblem {
    std::string_view said; ///< by mbedTLS (the static program) or OpenSSL
    std::string_view means;
    bool depends_on_clock = false;
};

constexpr CertificateProblem kCertificateProblems[] = {
    {"validity has expired", "has expired", true},
    {"certificate has expired", "has expired", true},
    {"validity starts in the future", "is not yet valid", true},
    {"is not yet valid", "is not yet valid", true},
    {"has been revoked", "has been revoked"},
    {"unacceptable hash", "is signed with SHA-1 or another hash that is too weak"},
    {"too weak", "has a signature or a key that is too weak"},
    {"unacceptable key", "has a key that is too weak, for example RSA below 2048 bits"},
    {"does not match with the expected CN", "is for another host name"},
    {"target host name", "is for another host name"},
    {"not correctly signed", "is not signed by a trusted authority"},
    {"self-signed", "is not signed by a trusted authority"},
    {"issuer certificate", "is not signed by a trusted authority"},
};

std::string today() {
    std::time_t now = std::time(nullptr);
    std::tm date = {};
    ::gmtime_r(&now, &date);
    char shown[] = "2000-01-01";
    std::strftime(shown, sizeof shown, "%F", &date);
    return shown;
}

struct HandleDeleter {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

/// One request, from its options to what became of it.
class Transfer {
  public:
    Transfer(const DownloadRequest& request, const DownloadSink& sink) : request_(request), sink_(sink) {}

    Result<DownloadAnswer> run() {
        if (!handle_) return permanent_error("libcurl failed to start");
        set_options();
        CURLcode outcome = ::curl_easy_perform(handle_.get());
        if (sink_error_) return std::unexpected(*std::move(sink_error_));
        DownloadAnswer answer = {.version = version(), .is_rest = request_.offset > 0 && has_begun_};
        if (outcome != CURLE_OK && !is_body_unwanted_) {
            Error error = to_error(outcome).error();
            if (!error.is_transient() || answer.version.empty() || !has_begun_)
                return std::unexpected(std::move(error));
            answer.broken_off = std::move(error);
        }
        if (long status = number(CURLINFO_RESPONSE_CODE); status != 0 && is_http())
            answer.status = static_cast<unsigned>(status);
        char* redirect = nullptr;
        ::curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &redirect);
        if (redirect) answer.redirect = redirect;
        answer.retry_after = seconds(count(CURLINFO_RETRY_AFTER));
        answer.reason = reason_;
        return answer;
    }

  private:
    template <typename Value>
    void set(CURLoption option, Value value) {
        ::curl_easy_setopt(handle_.get(), option, value);
    }
    long number(CURLINFO info) const {
        long value = 0;
        ::curl_easy_getinfo(handle_.get(), info, &value);
        return value;
    }
    curl_off_t count(CURLINFO info) const {
        curl_off_t value = 0;
        ::curl_easy_getinfo(handle_.get(), info, &value);
        return value;
    }
    std::string header(const char* name) const {
        curl_header* found = nullptr;
        bool is_there = ::curl_easy_header(handle_.get(), name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK;
        return is_there ? found->value : "";
    }
    std::string version() const {
        std::string tag = header("ETag");
        if (tag.starts_with("W/")) return {}; // it says nothing of the bytes, nor does a date beside it
        return tag.empty() ? header("Last-Modified") : tag;
    }
    /// Not every server looks at If-Range, and a part may be shorter than what was asked for (RFC
    /// 9110, 14.4).
    bool is_rest() const {
        std::string range = header("Content-Range"); // bytes 5-8/9
        std::string begin = text("bytes ", request_.offset, "-");
        if (!range.starts_with(begin)) return false;
        std::vector<std::string> ends = split(range.substr(begin.size()), '/');
        bool is_to_the_end =
            ends.size() == 2
            && (ends[1] == "*" || parse_number(ends[0]).value_or(0) + 1 == parse_number(ends[1]));
        return is_to_the_end && (version().empty() || version() == request_.version);
    }
    bool is_wanted() const {
        long status = number(CURLINFO_RESPONSE_CODE);
        return request_.offset == 0 ? status == 200 : status == 206 && (has_begun_ || is_rest());
    }
    bool is_http() const { return request_.url.starts_with("http"); }

    void set_options() {
        set(CURLOPT_URL, request_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https,tftp,file");
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)); // or a later one
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_PROXY, ""); // not what an argument of the kernel put into the environment
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_USERAGENT, "mangrove");
        set(CURLOPT_BUFFERSIZE, 131072L);
        set(CURLOPT_TFTP_BLKSIZE, 1428L); // fills a packet of Ethernet
        set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(kTimeToConnect.count()));
        set(CURLOPT_LOW_SPEED_LIMIT, kLeastRate);
        set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request_.patience.count()));
        set(CURLOPT_ERRORBUFFER, said_);
        set(CURLOPT_WRITEFUNCTION, take);
        set(CURLOPT_WRITEDATA, this);
        if (is_http()) set(CURLOPT_SOCKOPTFUNCTION, prepare_socket);
        if (!request_.authorities.empty()) set(CURLOPT_CAINFO, request_.authorities.c_str());
        milliseconds limit = request_.time_limit;
        if (limit.count() == 0 && request_.url.starts_with("tftp:")) limit = kTimeForTftp;
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
        set_addresses();
        if (request_.json) set_json();
        if (request_.offset > 0)
            set_range();
        else if (!request_.version.empty())
            set_condition();
    }

    void set_json() {
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.json->size()));
        set(CURLOPT_POSTFIELDS, request_.json->data());
        headers_.reset(::curl_slist_append(nullptr, "Content-Type: application/json"));
        set(CURLOPT_HTTPHEADER, headers_.get());
    }

    /// RFC 9110, 13.1.5 and 14.2: the rest of the same version, or all of another one.
    void set_range() {
        set(CURLOPT_RANGE, text(request_.offset, "-").c_str());
        headers_.reset(::curl_slist_append(nullptr, ("If-Range: " + request_.version).c_str()));
        set(CURLOPT_HTTPHEADER, headers_.get());
    }

    /// RFC 9110, 13.1.2 and 13.1.3. An ETag is quoted, a date is not.
    void set_condition() {
        bool is_tag = request_.version.starts_with('"');
        std::string condition = text(is_tag ? "If-None-Match: " : "If-Modified-Since: ", request_.version);
        headers_.reset(::curl_slist_append(nullptr, condition.c_str()));
        set(CURLOPT_HTTPHEADER, headers_.get());
    }

    void set_addresses() {
        if (request_.addresses.empty()) return;
        std::vector<std::string> addresses;
        for (const IpAddress& address : request_.addresses) {
            bool is_v4 = address.family == IpAddress::Family::v4;
            addresses.push_back(is_v4 ? address.to_text() : "[" + address.to_text() + "]");
        }
        std::string entry = text(request_.host, ":", request_.port, ":", join(addresses, ","));
        addresses_.reset(::curl_slist_append(nullptr, entry.c_str()));
        set(CURLOPT_RESOLVE, addresses_.get());
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
        if (number(CURLINFO_RESPONSE_CODE) < 400 || !header("Content-Type").starts_with("text/plain")) return;
        reason_ = body.substr(0, std::min(body.find('\n'), kLongest));
        for (char& letter : reason_)
            if (letter < ' ' || letter > '~') letter = '?';
    }

    std::unexpected<Error> to_error(CURLcode outcome) const {
        switch (outcome) {
        case CURLE_OPERATION_TIMEDOUT:
            return timeout_error();
        case CURLE_COULDNT_CONNECT:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
            return connection_error(outcome);
        case CURLE_GOT_NOTHING:
            return transient_error("the server closed the connection without an answer");
        case CURLE_PARTIAL_FILE:
            return truncation_error();
        case CURLE_SSL_CONNECT_ERROR:
            return transient_error("starting TLS: ", said());
        case CURLE_PEER_FAILED_VERIFICATION:
            return certificate_error();
        case CURLE_SSL_CACERT_BADFILE:
            return permanent_error("the CA certificates in ", request_.authorities, " cannot be read");
        case CURLE_TFTP_NOTFOUND:
        case CURLE_FILE_COULDNT_READ_FILE:
            return permanent_error("file not found");
        case CURLE_TFTP_PERM:
            return permanent_error("the server denied access to this file");
        default:
            return permanent_error("libcurl's error ", static_cast<int>(outcome), ": ", said());
        }
    }

    std::unexpected<Error> timeout_error() const {
        // The clock of libcurl's TFTP has whole seconds, that of its waits milliseconds.
        milliseconds early(is_http() ? 10 : 1000);
        if (request_.time_limit.count() > 0
            && count(CURLINFO_TOTAL_TIME_T) >= std::chrono::microseconds(request_.time_limit - early).count())
            return transient_error("timed out after ",
                                   std::chrono::ceil<seconds>(request_.time_limit).count(), " s");
        if (count(CURLINFO_STARTTRANSFER_TIME_T) == 0)
            return transient_error("timed out waiting for the server");
        return transient_error("the server sent less than ", kLeastRate, " bytes a second for ",
                               request_.patience.count(), " s, after ", count(CURLINFO_SIZE_DOWNLOAD_T),
                               " bytes");
    }

    std::unexpected<Error> connection_error(CURLcode outcome) const {
        const char* operation = outcome == CURLE_COULDNT_CONNECT ? "connecting"
                                : outcome == CURLE_SEND_ERROR    ? "sending the request"
                                                                 : "receiving the answer";
        long code = number(CURLINFO_OS_ERRNO);
        if (outcome == CURLE_COULDNT_CONNECT && code != 0)
            return system_error(static_cast<int>(code), operation);
        return transient_error(operation, ": ", said());
    }

    std::unexpected<Error> truncation_error() const {
        curl_off_t whole = count(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
        curl_off_t received = count(CURLINFO_SIZE_DOWNLOAD_T);
        if (whole < 0)
            return transient_error("the server closed the connection after ", received,
                                   " bytes, before the end of the file");
        return transient_error("the server closed the connection after ", received, " of ", whole, " bytes");
    }

    std::unexpected<Error> certificate_error() const {
        std::string_view given = said_;
        for (const CertificateProblem& problem : kCertificateProblems) {
            if (given.find(problem.said) == std::string_view::npos) continue;
            std::string clock =
                problem.depends_on_clock ? text(" (the clock of this node says ", today(), ")") : "";
            return permanent_error("the certificate of the server ", problem.means, clock);
        }
        return permanent_error("the certificate of the server was rejected: ", said());
    }

    std::string_view said() const { return *said_ ? said_ : "no reason given"; }

    const DownloadRequest& request_;
    const DownloadSink& sink_;
    std::unique_ptr<CURL, HandleDeleter> handle_{::curl_easy_init()};
    std::unique_ptr<curl_slist, ListDeleter> addresses_;
    std::unique_ptr<curl_slist, ListDeleter> headers_;
    char said_[CURL_ERROR_SIZE] = {};
    std::optional<Error> sink_error_;
    bool is_body_unwanted_ = false;
    std::string reason_;
    bool has_begun_ = false; ///< part of the body went to the sink
};

} // namespace

Result<DownloadAnswer> LinuxDownloads::download(const DownloadRequest& request, const DownloadSink& sink) {
    static const CURLcode started = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) return permanent_error("libcurl failed to start");
    return Transfer(request, sink).run();
}

} // namespace mangrove
