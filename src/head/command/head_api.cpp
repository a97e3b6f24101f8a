#include "head/command/head_api.h"

#include <curl/curl.h>
#include <memory>

#include "head/host/json.h"

namespace mangrove::head {

namespace {

struct DeleteHandle {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

size_t receive(const char* data, size_t size, size_t count, void* body) {
    static_cast<std::string*>(body)->append(data, size * count);
    return size * count;
}

Result<Json> call_head(const std::filesystem::path& socket, const char* method, const std::string& path,
                       const std::string& nodes) {
    std::unique_ptr<CURL, DeleteHandle> handle(curl_easy_init());
    std::unique_ptr<char, decltype(&curl_free)> selected(
        curl_easy_escape(handle.get(), nodes.data(), static_cast<int>(nodes.size())), curl_free);
    std::string body;
    long status = 0;
    curl_easy_setopt(handle.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_URL,
                     text("http://head", path, "?select=", selected.get()).c_str());
    curl_easy_setopt(handle.get(), CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(handle.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &body);
    CURLcode outcome = curl_easy_perform(handle.get());
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (outcome != CURLE_OK)
        return transient_error("mangrove-head at ", socket.native(), ": ", curl_easy_strerror(outcome),
                               "; is it running? (another socket: --socket)");
    Json json = TRY(parse_json(body, "the answer of mangrove-head"));
    if (status != 200) return permanent_error("mangrove-head: ", text_at(json.get(), "detail"));
    return json;
}

} // namespace

Result<Json> ask_head(const std::filesystem::path& socket, const std::string& path,
                      const std::string& nodes) {
    return call_head(socket, "GET", path, nodes);
}

Result<Json> tell_head(const std::filesystem::path& socket, const std::string& path,
                       const std::string& nodes) {
    return call_head(socket, "POST", path, nodes);
}

} // namespace mangrove::head
