#include "head/power/redfish.h"

#include <algorithm>
#include <curl/curl.h>
#include <initializer_list>

#include "head/host/base64.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

constexpr const char* kRoot = "/redfish/v1/";
constexpr const char* kLink = "@odata.id";
constexpr int kMostRedirects = 3;
constexpr int kMostQuestions = 30; ///< after a task, or the power; with a pause between them
constexpr size_t kMostSystems = 64;

const cJSON* item(const cJSON* json, std::initializer_list<const char*> path) {
    for (const char* name : path)
        json = cJSON_GetObjectItemCaseSensitive(json, name);
    return json;
}

std::string link_at(const cJSON* json, std::initializer_list<const char*> path) {
    return text_at(item(json, path), kLink);
}

std::string last_segment(std::string_view path) {
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

struct DeleteUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, DeleteUrl>;

std::string part_of(const Url& url, CURLUPart part, unsigned flags = 0) {
    char* found = nullptr;
    if (curl_url_get(url.get(), part, &found, flags) != CURLUE_OK) return {};
    std::string copy = found;
    curl_free(found);
    return copy;
}

Url resolve(const std::string& base, const std::string& link) {
    Url url(curl_url());
    bool is_good = curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) == CURLUE_OK
                   && curl_url_set(url.get(), CURLUPART_URL, link.c_str(), 0) == CURLUE_OK;
    if (!is_good) url.reset();
    return url;
}

std::string messages_of(const cJSON* list) {
    Words messages;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, list) {
        std::string message = text_at(one, "Message");
        if (message.empty()) message = text_at(one, "MessageId");
        if (!message.empty()) messages.push_back(message);
    }
    return join(messages, " ");
}

bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// In the order in which they are preferred.
Words reset_types(PowerOrder order) {
    if (order == PowerOrder::on) return {"On", "ForceOn"};
    if (order == PowerOrder::off) return {"ForceOff"};
    return {"PowerCycle", "ForceRestart"};
}

/// Where a service does not say which it allows.
std::string usual_reset_type(PowerOrder order) {
    return order == PowerOrder::on ? "On" : order == PowerOrder::off ? "ForceOff" : "ForceRestart";
}

class RedfishDevice : public PowerDevice {
  public:
    RedfishDevice(Bmc bmc, std::string password, std::unique_ptr<Https> https)
        : bmc_(std::move(bmc)), password_(std::move(password)), origin_(origin_of(bmc_)),
          https_(std::move(https)) {}

    /// A BMC has room for few sessions.
    ~RedfishDevice() override {
        if (!token_.empty() && !session_.empty()) static_cast<void>(ask("DELETE", session_, ""));
    }

    Result<PowerState> state() override {
        std::string power = text_at(TRY(read_system()).get(), "PowerState");
        return power == "On" ? PowerState::on : power == "Off" ? PowerState::off : PowerState::unknown;
    }

    Result<> change(PowerOrder order) override {
        Json system = TRY(read_system());
        const cJSON* action = item(system.get(), {"Actions", "#ComputerSystem.Reset"});
        std::string target = text_at(action, "target");
        if (target.empty()) return permanent_error("the system ", system_, " has no ComputerSystem.Reset");
        Words allowed = TRY(allowed_types(action));
        if (allowed.empty()) return reset(target, usual_reset_type(order));
        auto is_allowed = [&](const std::string& type) {
            return std::ranges::find(allowed, type) != allowed.end();
        };
        Words wanted = reset_types(order);
        auto found = std::ranges::find_if(wanted, is_allowed);
        if (found != wanted.end()) return reset(target, *found);
        if (order == PowerOrder::cycle && is_allowed("ForceOff") && is_allowed("On")) {
            TRY(reset(target, "ForceOff"));
            TRY(wait_until_off());
            return reset(target, "On");
        }
        return permanent_error("ComputerSystem.Reset takes ", join(allowed, ", "), ", but not ",
                               join(wanted, " or "));
    }

  private:
    // Questions.

    std::vector<std::string> headers() const {
        Words headers = {"Accept: application/json", "Content-Type: application/json", "OData-Version: 4.0"};
        if (!token_.empty()) headers.push_back("X-Auth-Token: " + token_);
        if (is_basic_) headers.push_back("Authorization: Basic " + base64(text(bmc_.user, ":", password_)));
        return headers;
    }

    Result<HttpsAnswer> ask(const std::string& method, std::string path, const std::string& body) {
        for (int i = 0; i <= kMostRedirects; ++i) {
            HttpsAnswer answer = TRY(https_->ask({method, path, body, headers()}));
            if (!is_redirect(answer.status)) return answer;
            bool keeps_method = method == "GET" || answer.status == 307 || answer.status == 308;
            std::optional<std::string> next = path_of_link(path, answer.location);
            if (!keeps_method || !next || leads_away(origin_, answer.location))
                return permanent_error(method, " ", path, ": redirects to '", answer.location,
                                       "'; set bmc.address to where Redfish is");
            path = *std::move(next);
        }
        return permanent_error(method, " ", path, ": redirects in a circle");
    }

    /// Some BMCs repeat what they were given.
    std::string hide_password(std::string said) const {
        for (size_t at = said.find(password_); at != std::string::npos; at = said.find(password_, at + 3))
            said.replace(at, password_.size(), "***");
        return said;
    }

    /// An error where the service refused.
    Result<Json> understand(const std::string& what, const HttpsAnswer& answer) const {
        std::string_view body = trim(answer.body);
        Json json(cJSON_ParseWithLength(body.data(), body.size()));
        if (answer.status >= 200 && answer.status < 300) {
            if (body.empty() || cJSON_IsObject(json.get())) return json;
            return permanent_error(what, ": the answer is ", body.starts_with('<') ? "HTML" : "no JSON",
                                   "; is bmc.address a BMC with Redfish?");
        }
        std::string reason = hide_password(redfish_reason(json.get()));
        if (answer.status == 401)
            return permanent_error("wrong user or password; set bmc.user and bmc.secret");
        if (answer.status == 403)
            return permanent_error("the user '", bmc_.user, "' may not do this; give it the role Operator",
                                   reason.empty() ? "" : ": ", reason);
        std::string said = text(what, ": HTTP ", answer.status, reason.empty() ? "" : ": ", reason);
        if (answer.status >= 500 || answer.status == 429) return transient_error(said);
        return permanent_error(said);
    }

    Result<Json> get(const std::string& path) {
        Json json = TRY(understand("GET " + path, TRY(ask("GET", path, ""))));
        if (!json) return permanent_error("GET ", path, ": the answer is empty");
        return json;
    }

    Result<std::string> follow(const std::string& from, const std::string& link, const char* name) const {
        std::optional<std::string> path = link.empty() ? std::nullopt : path_of_link(from, link);
        if (!path) return permanent_error("GET ", from, ": no link to ", name);
        return *std::move(path);
    }

    // The session.

    /// The root needs no authentication, but some want it there, too.
    Result<Json> read_root() {
        HttpsAnswer answer = TRY(ask("GET", kRoot, ""));
        is_basic_ = answer.status == 401;
        if (is_basic_) return get(kRoot);
        Json root = TRY(understand(text("GET ", kRoot), answer));
        if (!root) return permanent_error("GET ", kRoot, ": the answer is empty");
        TRY(log_in(root.get()));
        return root;
    }

    /// One attempt with a password alone, so that no account is locked.
    Result<> log_in(const cJSON* root) {
        std::string link = link_at(root, {"Links", "Sessions"});
        std::optional<std::string> path = link.empty() ? std::nullopt : path_of_link(kRoot, link);
        is_basic_ = !path;
        if (is_basic_) return {};
        Json body = make_json_object();
        add_text(body.get(), "UserName", bmc_.user);
        add_text(body.get(), "Password", password_);
        HttpsAnswer answer = TRY(ask("POST", *path, print_json(body)));
        bool is_refused = answer.status == 401 || answer.status == 403;
        if (is_refused) TRY(understand("POST " + *path, {.status = 401}));
        bool is_made = answer.status >= 200 && answer.status < 300 && !answer.token.empty();
        is_basic_ = !is_made;
        if (!is_made) return {};
        token_ = answer.token;
        session_ = path_of_link(*path, answer.location).value_or("");
        return {};
    }

    // The system.

    Result<Words> systems() {
        Json root = TRY(read_root());
        std::string path = TRY(follow(kRoot, link_at(root.get(), {"Systems"}), "Systems"));
        Json collection = TRY(get(path));
        Words found;
        const cJSON* member = nullptr;
        cJSON_ArrayForEach(member, item(collection.get(), {"Members"})) {
            if (std::optional<std::string> one = path_of_link(path, text_at(member, kLink)))
                found.push_back(*std::move(one));
        }
        if (found.empty()) return permanent_error("GET ", path, ": no systems");
        return found;
    }

    Result<std::string> find_system() {
        Words all = TRY(systems());
        Words names;
        for (const std::string& path : all) {
            names.push_back(last_segment(path));
            if (names.back() == bmc_.system) return path;
        }
        if (!bmc_.system.empty())
            return permanent_error("no system '", bmc_.system, "'; set bmc.system to one of ",
                                   join(names, ", "));
        if (all.size() == 1) return all.front();
        for (size_t i = 0; i < std::min(all.size(), kMostSystems) && !bmc_.uuid.empty(); ++i)
            if (lower_case(text_at(TRY(get(all[i])).get(), "UUID")) == bmc_.uuid) return all[i];
        return permanent_error("several systems; set bmc.system to one of ", join(names, ", "));
    }

    Result<Json> read_system() {
        if (system_.empty()) system_ = TRY(find_system());
        return get(system_);
    }

    // The reset.

    /// The ResetTypes that the service takes; none where it does not say.
    Result<Words> allowed_types(const cJSON* action) {
        Words allowed = texts_at(action, "ResetType@Redfish.AllowableValues");
        std::string link = text_at(action, "@Redfish.ActionInfo");
        if (!allowed.empty() || link.empty()) return allowed;
        Json info = TRY(get(TRY(follow(system_, link, "the ActionInfo"))));
        const cJSON* parameter = nullptr;
        cJSON_ArrayForEach(parameter, item(info.get(), {"Parameters"})) {
            if (text_at(parameter, "Name") == "ResetType") return texts_at(parameter, "AllowableValues");
        }
        return Words();
    }

    Result<> reset(const std::string& target, const std::string& type) {
        std::string path = TRY(follow(system_, target, "the reset"));
        Json body = make_json_object();
        add_text(body.get(), "ResetType", type);
        HttpsAnswer answer = TRY(ask("POST", path, print_json(body)));
        Json said = TRY(understand(text("ComputerSystem.Reset ", type), answer));
        if (answer.status != 202) return {};
        std::string monitor = answer.location.empty() ? text_at(said.get(), kLink) : answer.location;
        return wait_for_task(path_of_link(path, monitor).value_or(""));
    }

    /// A task that takes longer goes on by itself.
    Result<> wait_for_task(const std::string& monitor) {
        for (int i = 0; i < kMostQuestions && !monitor.empty(); ++i) {
            https_->pause();
            HttpsAnswer answer = TRY(ask("GET", monitor, ""));
            // It is removed when it has ended.
            if (answer.status == 404 || answer.status == 410) return {};
            Json task = TRY(understand("the task of the reset", answer));
            std::string state = text_at(task.get(), "TaskState");
            if (state == "Exception" || state == "Killed" || state == "Cancelled")
                return permanent_error("the task of the reset ended: ", state, ": ",
                                       hide_password(messages_of(item(task.get(), {"Messages"}))));
            if (state == "Completed" || (answer.status != 202 && state.empty())) return {};
        }
        return {};
    }

    Result<> wait_until_off() {
        for (int i = 0; i < kMostQuestions; ++i) {
            if (TRY(state()) == PowerState::off) return {};
            https_->pause();
        }
        return permanent_error("the system does not switch off");
    }

    Bmc bmc_;
    std::string password_;
    std::string origin_;
    std::unique_ptr<Https> https_;
    std::string token_;
    std::string session_;
    bool is_basic_ = false;
    std::string system_;
};

} // namespace

std::string origin_of(const Bmc& bmc) {
    std::string port = bmc.address.port ? text(":", *bmc.address.port) : "";
    return text("https://", bracketed(bmc.address.host), port);
}

std::optional<std::string> path_of_link(const std::string& from, const std::string& link) {
    Url url = link.empty() ? nullptr : resolve("https://bmc" + from, link);
    std::string path = url ? part_of(url, CURLUPART_PATH) : "";
    if (!path.starts_with('/')) return std::nullopt;
    std::string query = part_of(url, CURLUPART_QUERY);
    return query.empty() ? path : path + "?" + query;
}

bool leads_away(const std::string& origin, const std::string& link) {
    Url own = resolve(origin, "/");
    Url url = resolve(origin, link);
    return !url
           || std::ranges::any_of(
               std::initializer_list<CURLUPart>{CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT},
               [&](CURLUPart part) {
                   return part_of(own, part, CURLU_DEFAULT_PORT) != part_of(url, part, CURLU_DEFAULT_PORT);
               });
}

std::string redfish_reason(const cJSON* answer) {
    constexpr const char* kExtended = "@Message.ExtendedInfo";
    std::string reason = messages_of(item(answer, {"error", kExtended}));
    if (reason.empty()) reason = messages_of(item(answer, {kExtended}));
    return reason.empty() ? text_at(item(answer, {"error"}), "message") : reason;
}

std::unique_ptr<PowerDevice> make_redfish_device(Bmc bmc, std::string password,
                                                 std::unique_ptr<Https> https) {
    return std::make_unique<RedfishDevice>(std::move(bmc), std::move(password), std::move(https));
}

std::unique_ptr<PowerDevice> make_redfish_device(Bmc bmc, std::string password) {
    std::unique_ptr<Https> https = connect_https(bmc);
    return make_redfish_device(std::move(bmc), std::move(password), std::move(https));
}

} // namespace mangrove::head
