#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "head/power/device.h"

/// A client of Redfish (DMTF's DSP0266) as far as power needs it: it finds the node's ComputerSystem below
/// /redfish/v1/, and takes Actions/ComputerSystem.Reset with a ResetType that the service allows. It logs in
/// by a session where there are any, else by Basic authentication.
namespace mangrove::head {

struct HttpsRequest {
    std::string method;
    std::string path;
    std::string body = {};
    std::vector<std::string> headers = {};
};

struct HttpsAnswer {
    long status = 0;
    std::string body = {};
    std::string location = {};
    std::string token = {}; ///< X-Auth-Token
};

/// The seam to one web server. Nothing goes to another one.
class Https {
  public:
    virtual ~Https() = default;
    /// Follows no redirects. An error where no whole answer comes.
    virtual Result<HttpsAnswer> ask(const HttpsRequest& request) = 0;
    /// Waits before a question is asked again.
    virtual void pause() = 0;
};

/// "https://10.0.0.1" of a BMC
std::string origin_of(const Bmc& bmc);
std::unique_ptr<Https> connect_https(const Bmc& bmc);

std::unique_ptr<PowerDevice> make_redfish_device(Bmc bmc, std::string password, std::unique_ptr<Https> https);

/// Returns the path and the query of a link in an answer from `from`; its host does not count, for BMCs do
/// not know how they are reached. Nothing where it is no link.
std::optional<std::string> path_of_link(const std::string& from, const std::string& link);
/// Whether a link leads to another server.
bool leads_away(const std::string& origin, const std::string& link);

/// Returns why a service refused: the messages of @Message.ExtendedInfo, else error.message; may be empty.
std::string redfish_reason(const cJSON* answer);

} // namespace mangrove::head
