#include "system/linux/curl_handle.h"

#include "base/text.h"

namespace mangrove {

void CurlHandle::set_common(const std::string& url, const char* protocols, seconds time_to_connect,
                            seconds patience) {
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, protocols);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)); // or a later one
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, ""); // not what an argument of the kernel put into the environment
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_USERAGENT, "mangrove");
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(time_to_connect.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, kCurlLeastRate);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(patience.count()));
    set(CURLOPT_ERRORBUFFER, said_);
}

void CurlHandle::set_addresses(const std::string& host, uint16_t port,
                               const std::vector<IpAddress>& addresses) {
    if (addresses.empty()) return;
    std::vector<std::string> texts;
    for (const IpAddress& address : addresses) {
        bool is_v4 = address.family == IpAddress::Family::v4;
        texts.push_back(is_v4 ? address.to_text() : "[" + address.to_text() + "]");
    }
    std::string entry = text(host, ":", port, ":", join(texts, ","));
    addresses_.reset(::curl_slist_append(nullptr, entry.c_str()));
    set(CURLOPT_RESOLVE, addresses_.get());
}

void CurlHandle::add_header(const std::string& line) {
    curl_slist* list = ::curl_slist_append(headers_.get(), line.c_str());
    if (!list) return;
    static_cast<void>(headers_.release());
    headers_.reset(list);
    set(CURLOPT_HTTPHEADER, headers_.get());
}

long CurlHandle::number(CURLINFO info) const {
    long value = 0;
    ::curl_easy_getinfo(get(), info, &value);
    return value;
}

curl_off_t CurlHandle::count(CURLINFO info) const {
    curl_off_t value = 0;
    ::curl_easy_getinfo(get(), info, &value);
    return value;
}

std::string CurlHandle::redirect() const {
    char* url = nullptr;
    ::curl_easy_getinfo(get(), CURLINFO_REDIRECT_URL, &url);
    return url ? url : "";
}

std::string CurlHandle::header(const char* name) const {
    curl_header* found = nullptr;
    bool is_there = ::curl_easy_header(get(), name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK;
    return is_there ? found->value : "";
}

std::string CurlHandle::headers(const char* name) const {
    std::vector<std::string> values;
    curl_header* found = nullptr;
    while (::curl_easy_header(get(), name, values.size(), CURLH_HEADER, -1, &found) == CURLHE_OK)
        values.emplace_back(found->value);
    return join(values, ", ");
}

} // namespace mangrove
