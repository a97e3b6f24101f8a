#include "head/nodes/etcd_client.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <curl/curl.h>

#include "base/host_port.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPlain = "etcd://";
constexpr std::string_view kTls = "etcds://";
constexpr uint16_t kPort = 2379;
constexpr const char* kDefaultPrefix = "mangrove";
constexpr long kTimeToConnect = 3; ///< seconds
/// Longer than etcd itself waits for a majority of its servers (7 s).
constexpr long kPatience = 10;

/// Codes of gRPC.
enum : uint64_t {
    kInvalidArgument = 3,
    kDeadlineExceeded = 4,
    kNotFound = 5,
    kResourceExhausted = 8,
    kOutOfRange = 11,
    kUnavailable = 14
};

struct DeleteList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, DeleteList>;

struct Answer {
    CURLcode outcome = CURLE_OK;
    long status = 0;
    long os_error = 0;
    std::string body;
    std::string said; ///< by libcurl, where it failed
};

/// Takes pieces of an answer; false ends it.
using Take = bool (*)(Answer& answer);

bool take_all(Answer&) {
    return true;
}

/// An answer of a watch is a line of JSON.
bool take_until_event(Answer& answer) {
    for (size_t end = answer.body.find('\n'); end != std::string::npos; end = answer.body.find('\n')) {
        Json line(cJSON_ParseWithLength(answer.body.data(), end));
        const cJSON* result = cJSON_GetObjectItemCaseSensitive(line.get(), "result");
        const cJSON* events = cJSON_GetObjectItemCaseSensitive(result, "events");
        bool is_canceled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "canceled"));
        if (cJSON_GetArraySize(events) > 0 || is_canceled || !result) return false;
        answer.body.erase(0, end + 1);
    }
    return true;
}

struct Receiver {
    Answer& answer;
    Take take;
};

size_t receive(const char* data, size_t size, size_t count, void* receiver) {
    auto& [answer, take] = *static_cast<Receiver*>(receiver);
    answer.body.append(data, size * count);
    return take(answer) ? size * count : CURL_WRITEFUNC_ERROR;
}

void set_certificates(CURL* handle) {
    for (auto [option, variable] :
         {std::pair(CURLOPT_CAINFO, "ETCDCTL_CACERT"), std::pair(CURLOPT_SSLCERT, "ETCDCTL_CERT"),
          std::pair(CURLOPT_SSLKEY, "ETCDCTL_KEY")})
        if (const char* file = std::getenv(variable); file && *file) curl_easy_setopt(handle, option, file);
}

Answer post(CURL* handle, const std::string& url, const std::string& body, Take take) {
    Answer answer;
    Receiver receiver{answer, take};
    char said[CURL_ERROR_SIZE] = {};
    Headers headers(curl_slist_append(nullptr, "Content-Type: application/json"));
    // Else libcurl waits for a word of the server before it sends a large body.
    curl_slist_append(headers.get(), "Expect:");
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)); // or later
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kTimeToConnect);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiver);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, said);
    set_certificates(handle);
    answer.outcome = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &answer.os_error);
    answer.said = said[0] ? said : curl_easy_strerror(answer.outcome);
    // It holds on to pointers to what ends here.
    curl_easy_reset(handle);
    return answer;
}

bool is_misconfigured(CURLcode outcome) {
    return outcome == CURLE_PEER_FAILED_VERIFICATION || outcome == CURLE_SSL_CERTPROBLEM
           || outcome == CURLE_SSL_CACERT_BADFILE || outcome == CURLE_URL_MALFORMAT;
}

/// The error of an endpoint that gave no answer.
Error silence_of(const std::string& endpoint, const Answer& answer) {
    std::string why = answer.said;
    if (answer.outcome == CURLE_OPERATION_TIMEDOUT) why = "timed out";
    if (answer.outcome == CURLE_COULDNT_CONNECT && answer.os_error != 0)
        why = errno_text(static_cast<int>(answer.os_error));
    if (answer.outcome == CURLE_GOT_NOTHING && endpoint.starts_with("http:"))
        why += text("; a server with TLS is named ", kTls);
    return Error{.what = text(endpoint, ": ", why),
                 .permanence =
                     is_misconfigured(answer.outcome) ? Permanence::permanent : Permanence::transient,
                 .code = static_cast<int>(answer.os_error)};
}

std::string remedy_for(const std::string& message) {
    if (message.contains("too many operations")) return "; start etcd with --max-txn-ops=128 or more";
    if (message.contains("too large")) return "; start etcd with --max-request-bytes=1572864 or more";
    if (message.contains("space exceeded"))
        return "; compact and defragment etcd, disarm its alarm, or raise --quota-backend-bytes";
    return "";
}

/// The error that an endpoint answers. A transient one may pass at another endpoint.
Error refusal_of(const std::string& endpoint, const Answer& answer) {
    Json json(cJSON_ParseWithLength(answer.body.data(), answer.body.size()));
    uint64_t code = number_at(json.get(), "code");
    std::string message = text_at(json.get(), "message");
    if (answer.status == 404 && !cJSON_IsObject(json.get()))
        return Error{.what = text(endpoint, ": no JSON gateway below /v3; start etcd 3.4 or later, with "
                                            "--enable-grpc-gateway=true")};
    if (message.empty()) message = trim(answer.body.substr(0, 200));
    bool is_transient = code == kUnavailable || code == kDeadlineExceeded || code == kResourceExhausted
                        || (answer.status >= 500 && code == 0);
    return Error{.what = text(endpoint, ": ", message, remedy_for(message)),
                 .permanence = is_transient ? Permanence::transient : Permanence::permanent,
                 .code = code == kOutOfRange ? ENODATA
                         : code == kNotFound ? ENOENT
                                             : 0};
}

Error all_away(const std::vector<Error>& errors) {
    Error all{.what = "", .permanence = Permanence::permanent, .code = errors.front().code};
    std::vector<std::string> said;
    for (const Error& error : errors) {
        said.push_back(error.what);
        if (error.is_transient()) all.permanence = Permanence::transient;
    }
    all.what = text("etcd at ", join(said, ", "));
    return all;
}

} // namespace

Result<EtcdLocation> parse_etcd_url(const std::string& url) {
    bool is_secure = url.starts_with(kTls);
    std::string rest = url.substr(is_secure ? kTls.size() : kPlain.size());
    size_t slash = std::min(rest.find('/'), rest.size());
    EtcdLocation location{
        .url = url, .endpoints = {}, .prefix = rest.substr(std::min(slash + 1, rest.size()))};
    while (location.prefix.ends_with('/'))
        location.prefix.pop_back();
    if (location.prefix.empty()) location.prefix = kDefaultPrefix;
    constexpr const char* kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    if (location.prefix.find_first_not_of(kAllowed) != std::string::npos)
        return permanent_error(url, ": prefix '", location.prefix,
                               "' has other characters than letters, digits, '.', '_', '-' and '/'");
    location.prefix += "/";
    for (const std::string& written : split(rest.substr(0, slash), ',')) {
        std::optional<HostPort> endpoint = split_host_port(written);
        if (!endpoint)
            return permanent_error(url, ": '", written,
                                   "' is not HOST:PORT; expected etcd://HOST:PORT[,HOST:PORT…]/PREFIX");
        location.endpoints.push_back(text(is_secure ? "https://" : "http://", bracketed(endpoint->host), ":",
                                          endpoint->port.value_or(kPort)));
    }
    return location;
}

void DeleteCurl::operator()(void* handle) const {
    curl_easy_cleanup(handle);
}

EtcdClient::Handle EtcdClient::take_handle() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
}

void EtcdClient::give_back(Handle handle) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(handle));
}

Result<Json> EtcdClient::call(const std::string& path, const Json& request) {
    std::string body = print_json(request);
    std::vector<Error> errors;
    size_t first = preferred_;
    Handle handle = take_handle();
    for (size_t i = 0; i < endpoints_.size(); ++i) {
        size_t index = (first + i) % endpoints_.size();
        const std::string& endpoint = endpoints_[index];
        curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, kPatience);
        Answer answer = post(handle.get(), endpoint + path, body, take_all);
        bool has_answered = answer.outcome == CURLE_OK;
        if (has_answered && answer.status == 200) {
            preferred_ = index;
            give_back(std::move(handle));
            return parse_json(answer.body, endpoint + path);
        }
        Error error = has_answered ? refusal_of(endpoint, answer) : silence_of(endpoint, answer);
        if (has_answered && !error.is_transient()) return std::unexpected(std::move(error));
        errors.push_back(std::move(error));
    }
    return std::unexpected(all_away(errors));
}

Result<> EtcdClient::wait_for_event(const Json& request, std::chrono::milliseconds timeout) {
    std::string body = print_json(request);
    size_t index = preferred_;
    const std::string& endpoint = endpoints_[index];
    Handle handle = take_handle();
    // libcurl takes 0 for none.
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(timeout.count())));
    Answer answer = post(handle.get(), endpoint + "/v3/watch", body, take_until_event);
    give_back(std::move(handle));
    if (answer.outcome == CURLE_WRITE_ERROR || answer.outcome == CURLE_OPERATION_TIMEDOUT) return {};
    preferred_ = (index + 1) % endpoints_.size();
    if (answer.outcome == CURLE_OK && answer.status != 200)
        return std::unexpected(refusal_of(endpoint, answer));
    return std::unexpected(silence_of(endpoint, answer));
}

} // namespace mangrove::head
