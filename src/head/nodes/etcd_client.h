#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

/// The JSON gateway of etcd 3.4 and later.
namespace mangrove::head {

struct EtcdLocation {
    std::string url;                    ///< as it was written
    std::vector<std::string> endpoints; ///< "http://127.0.0.1:2379"
    std::string prefix;                 ///< of the keys: "mangrove/"
};

/// Reads "etcd://HOST[:PORT][,HOST[:PORT]…][/PREFIX]", "etcds://…" for TLS.
Result<EtcdLocation> parse_etcd_url(const std::string& url);

struct DeleteCurl {
    void operator()(void* handle) const;
};

class EtcdClient {
  public:
    explicit EtcdClient(std::vector<std::string> endpoints) : endpoints_(std::move(endpoints)) {}

    /// Posts a request and returns the answer. Where an endpoint is away, or has no leader, the next one is
    /// tried, so that a request may arrive twice. Error codes: ENOENT and ENODATA (compacted).
    Result<Json> call(const std::string& path, const Json& request);
    /// Waits until a watch has an event, or ends. An error where the endpoint goes away; the next call takes
    /// the next one.
    Result<> wait_for_event(const Json& request, std::chrono::milliseconds timeout);

  private:
    using Handle = std::unique_ptr<void, DeleteCurl>; ///< of libcurl

    Handle take_handle();
    void give_back(Handle handle);

    std::vector<std::string> endpoints_;
    std::atomic<size_t> preferred_ = 0; ///< that answered last
    std::mutex mutex_;
    std::vector<Handle> idle_; ///< with their connections
};

} // namespace mangrove::head
