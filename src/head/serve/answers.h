#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "head/nodes/discovered.h"
#include "head/serve/admission.h"
#include "head/serve/boot_profiles.h"
#include "head/serve/boot_table.h"
#include "head/serve/leases.h"
#include "head/serve/moving_nodes.h"

namespace mangrove::head {

/// One request, as far as its answer depends on it.
struct Asked {
    std::string method = "GET";
    std::string target; ///< path and query, as they came
    std::string if_none_match = {};
    std::string if_match = {};
    std::string authorization = {};
    std::string last_event_id = {};
    std::string body = {};
    std::optional<unsigned> user = {}; ///< of the peer, on a Unix socket
    std::string address = {};          ///< of the peer
    uint16_t port = 0;
    bool is_tls = false;
};

struct Answer {
    unsigned status = 200;
    std::string body = {};
    std::filesystem::path file = {}; ///< its contents are the body
    std::string type = "text/plain; charset=utf-8";
    std::string tag = {};         ///< ETag without quotes
    const char* route = "other";  ///< for metrics: one of the routes that there are
    bool is_for_browsers = false; ///< of operators
    std::chrono::seconds retry_after{0};
    bool is_immutable = false;       ///< everybody may keep it for ever
    std::string allow = "GET, HEAD"; ///< with the status 405
    /// An event stream: returns what is new, time and again. Its other fields but `type` are not used.
    std::function<Result<std::string>()> follow = {};
    /// Where answering has to wait: returns the answer, in another thread. The other fields are not used.
    std::function<Answer()> finish = {};
};

/// Posted reports of boots, by node.
using TakeReport = std::function<void(const std::string& node, std::string report)>;
using TakeSighting = std::function<void(Discovered machine)>;

/// Answers nodes: GET /boot.ipxe, /boot/MAC.ipxe, /blob/SHA, /n/definition, /n/files/SHA.tar, /n/live and
/// POST /n/definition (with the keys of a TPM), /n/report, /n/profile, /n/health. One thread calls it.
class NodeAnswers {
  public:
    /// `moving`: nullptr where no node has a release.
    /// `profiles`: nullptr where none are taken.
    NodeAnswers(const Settings& settings, TakeSighting take_sighting, TakeReport take_report,
                MovingNodes* moving = nullptr, const BootProfiles* profiles = nullptr);

    Answer answer(const BootTable& table, const Asked& asked, Admission::Time now);
    /// Returns how many requests of nodes had to wait since the start; any thread may ask.
    uint64_t deferred() const { return deferred_; }
    /// Returns how many nodes wait for their place, at the last request; any thread may ask.
    size_t waiting() const { return waiting_; }

  private:
    Answer answer_path(const BootTable& table, const Asked& asked, const std::string& path,
                       Admission::Time now);
    Answer boot(const BootTable& table, const Asked& asked, const std::string& file, Admission::Time now);
    Answer of_node(const BootTable& table, const Asked& asked, const std::string& path);
    bool is_recorded(const ServedNode& node) const;
    Answer script_of(const ServedNode& node, const std::string& release) const;
    Answer definition(const ServedNode& node, const Asked& asked) const;
    Answer definition_for_tpm(const ServedNode& node, const Asked& asked) const;
    Answer take_profile(const ServedNode& node, const Asked& asked) const;
    Answer take_post(const ServedNode& node, const Asked& asked, bool is_report);
    std::optional<std::string> settled_release(const ServedNode& node) const;
    /// Returns why the request does not come from the node; empty: it does.
    std::string refusal(const ServedNode& node, const Asked& asked);
    using GetDefinition = std::function<Answer(const ServedBoot& boot)>;
    Answer definition_as(const ServedNode& node, const Asked& asked, const GetDefinition& get) const;

    Settings settings_;
    TakeSighting take_sighting_;
    TakeReport take_report_;
    MovingNodes* moving_;
    const BootProfiles* profiles_;
    Admission admission_;
    Leases leases_;
    std::atomic<uint64_t> deferred_ = 0;
    std::atomic<size_t> waiting_ = 0;
};

/// Decodes a part of a URL (RFC 3986, 2.1).
std::string percent_decoded(std::string_view written);
/// Returns the value of a parameter in a query, decoded; characters that are not printable become '?'. Empty
/// where it is missing.
std::string query_value(std::string_view target, std::string_view name);

} // namespace mangrove::head
