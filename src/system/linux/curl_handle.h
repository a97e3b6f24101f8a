#pragma once

#include <curl/curl.h>
#include <memory>
#include <string>
#include <vector>

#include "system/clock.h"
#include "system/network.h"

namespace mangrove {

/// Bytes a second. Less is a server that holds the boot up: TFTP over a round trip of a second has more.
inline constexpr long kCurlLeastRate = 1024;

/// A request of libcurl, and what all of ours have.
class CurlHandle {
  public:
    CurlHandle() : handle_(::curl_easy_init()) {}

    /// Null where libcurl could not start.
    CURL* get() const { return handle_.get(); }
    /// CURLOPT_ERRORBUFFER.
    const char* said() const { return said_; }

    template <typename Value>
    void set(CURLoption option, Value value) {
        ::curl_easy_setopt(get(), option, value);
    }
    /// `protocols`: those that it may use, with commas. The request fails when nothing has come for
    /// `patience`.
    void set_common(const std::string& url, const char* protocols, seconds time_to_connect, seconds patience);
    /// The addresses of a host, which libcurl then does not look up; empty: it does.
    void set_addresses(const std::string& host, uint16_t port, const std::vector<IpAddress>& addresses);
    void add_header(const std::string& line);

    long number(CURLINFO info) const;
    curl_off_t count(CURLINFO info) const;
    /// Returns the URL of the answer's redirect, or an empty string.
    std::string redirect() const;
    /// Returns a header of the answer, or an empty string.
    std::string header(const char* name) const;
    /// Returns all of that name, with commas between them.
    std::string headers(const char* name) const;

  private:
    struct Deleter {
        void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
        void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
    };

    std::unique_ptr<CURL, Deleter> handle_;
    std::unique_ptr<curl_slist, Deleter> addresses_;
    std::unique_ptr<curl_slist, Deleter> headers_;
    char said_[CURL_ERROR_SIZE] = {};
};

} // namespace mangrove
