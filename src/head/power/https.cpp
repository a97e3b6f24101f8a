#include <chrono>
#include <curl/curl.h>
#include <thread>

#include "head/power/redfish.h"

namespace mangrove::head {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr size_t kLargestAnswer = 1 << 20;
constexpr auto kLimit = 100s; ///< of all questions together
constexpr long kTimeToConnect = 10;
constexpr long kTimeToAnswer = 30;
constexpr auto kPause = 1s;
constexpr const char* kInsecure = "insecure";

struct DeleteCurl {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct DeleteList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, DeleteList>;

size_t receive(const char* data, size_t size, size_t count, void* receiver) {
    auto& body = *static_cast<std::string*>(receiver);
    if (body.size() + size * count > kLargestAnswer) return CURL_WRITEFUNC_ERROR;
    body.append(data, size * count);
    return size * count;
}

std::string header_of(CURL* handle, const char* name) {
    curl_header* header = nullptr;
    if (curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return {};
    return header->value;
}

class CurlHttps : public Https {
  public:
    explicit CurlHttps(const Bmc& bmc)
        : origin_(origin_of(bmc)), ca_(bmc.ca), handle_(curl_easy_init()), deadline_(Clock::now() + kLimit) {}

    Result<HttpsAnswer> ask(const HttpsRequest& request) override {
        if (Clock::now() >= deadline_) return transient_error("it takes longer than ", kLimit.count(), " s");
        HttpsAnswer answer;
        char said[CURL_ERROR_SIZE] = {};
        Headers headers = set_headers(request);
        CURL* handle = handle_.get();
        curl_easy_reset(handle);
        set_connection();
        curl_easy_setopt(handle, CURLOPT_URL, (origin_ + request.path).c_str());
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
        if (request.method == "POST") {
            curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                             static_cast<curl_off_t>(request.body.size()));
            curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
        }
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer.body);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, said);
        CURLcode outcome = curl_easy_perform(handle);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, nullptr);
        if (outcome != CURLE_OK) return std::unexpected(problem_of(outcome, said));
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
        answer.location = header_of(handle, "Location");
        answer.token = header_of(handle, "X-Auth-Token");
        return answer;
    }

    void pause() override { std::this_thread::sleep_for(kPause); }

  private:
    static Headers set_headers(const HttpsRequest& request) {
        Headers headers;
        for (const std::string& header : request.headers)
            headers.reset(curl_slist_append(headers.release(), header.c_str()));
        // Else libcurl waits for a word of the server before it sends a body.
        headers.reset(curl_slist_append(headers.release(), "Expect:"));
        return headers;
    }

    void set_connection() {
        CURL* handle = handle_.get();
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)); // or later
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kTimeToConnect);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, kTimeToAnswer);
        if (ca_ == kInsecure) {
            curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
            curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
        } else if (!ca_.empty()) {
            curl_easy_setopt(handle, CURLOPT_CAINFO, ca_.c_str());
        }
    }

    Error problem_of(CURLcode outcome, const char* said) const {
        Error error{.what = *said ? said : curl_easy_strerror(outcome), .permanence = Permanence::transient};
        if (outcome == CURLE_COULDNT_CONNECT || outcome == CURLE_OPERATION_TIMEDOUT) {
            long code = 0;
            curl_easy_getinfo(handle_.get(), CURLINFO_OS_ERRNO, &code);
            bool has_code = outcome == CURLE_COULDNT_CONNECT && code != 0;
            error.what = text("no answer", has_code ? ": " + errno_text(static_cast<int>(code)) : "",
                              "; check bmc.address and the network");
        } else if (outcome == CURLE_COULDNT_RESOLVE_HOST) {
            error.what += "; set bmc.address";
        } else if (outcome == CURLE_WRITE_ERROR) {
            error = {.what = "the answer is larger than 1 MiB; is bmc.address a BMC with Redfish?"};
        } else if (outcome == CURLE_PARTIAL_FILE || outcome == CURLE_RECV_ERROR
                   || outcome == CURLE_GOT_NOTHING) {
            error.what = "the connection ended in the middle of an answer";
        } else if (outcome == CURLE_SSL_CACERT_BADFILE) {
            error = {.what = text("bmc.ca: cannot read ", ca_)};
        } else if (outcome == CURLE_PEER_FAILED_VERIFICATION) {
            error = {.what = text("its certificate is not trusted (", error.what,
                                  "); set bmc.ca to the file of its authority, or to insecure")};
        }
        return error;
    }

    std::string origin_;
    std::string ca_;
    std::unique_ptr<CURL, DeleteCurl> handle_;
    Clock::time_point deadline_;
};

} // namespace

std::unique_ptr<Https> connect_https(const Bmc& bmc) {
    return std::make_unique<CurlHttps>(bmc);
}

} // namespace mangrove::head
