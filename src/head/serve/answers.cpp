#include "head/serve/answers.h"

#include <algorithm>
#include <cctype>
#include <openssl/crypto.h>

#include "head/host/base64.h"
#include "head/serve/boot_script.h"
#include "head/serve/credential.h"

namespace mangrove::head {

namespace {

constexpr uint16_t kFirstPortOfUsers = 1024;
constexpr size_t kLongestValue = 128;
constexpr std::string_view kScript = ".ipxe";
constexpr std::string_view kTar = ".tar";
constexpr const char* kRecord = "mangrove.profile=record"; ///< docs/profiles.md

Answer problem(unsigned status, std::string what) {
    return {.status = status, .body = std::move(what) + "\n"};
}

Answer file_answer(const std::map<std::string, std::filesystem::path>& files, const std::string& digest,
                   const char* type) {
    auto found = files.find(digest);
    if (found == files.end()) return problem(404, "not found");
    return {.file = found->second, .type = type, .tag = digest};
}

/// In a time that does not tell how much of it is right.
bool has_password(const Asked& asked, const ServedNode& node) {
    std::string expected = "Basic " + base64(node.name + ":" + node.token);
    return asked.authorization.size() == expected.size()
           && CRYPTO_memcmp(asked.authorization.data(), expected.data(), expected.size()) == 0;
}

/// Empty where the firmware gives something else.
std::string uuid_of(const std::string& written) {
    constexpr size_t kDigits = 32;
    constexpr size_t kDashes = 4;
    std::string uuid = lower_case(written);
    bool is_uuid = uuid.size() == kDigits + kDashes && std::ranges::count(uuid, '-') == kDashes
                   && uuid.find_first_not_of("0123456789abcdef-") == std::string::npos;
    return is_uuid ? uuid : "";
}

std::string told(const Asked& asked, const char* what) {
    return query_value(asked.target, what).substr(0, kLongestValue);
}

Discovered sighting(const Asked& asked, const std::string& mac) {
    return {.mac = mac,
            .address = asked.address,
            .uuid = uuid_of(told(asked, "uuid")),
            .serial = told(asked, "serial"),
            .manufacturer = told(asked, "manufacturer"),
            .product = told(asked, "product"),
            .last = utc_now()};
}

std::vector<std::string> problem_lines(const std::string& node, const std::string& problem) {
    std::vector<std::string> lines = {text("Mangrove: ", node, " cannot boot:")};
    for (const std::string& line : split(problem, '\n'))
        lines.push_back("  " + printed_by_firmware(line));
    return lines;
}

/// Answers with what a node gets of a release: that may have a problem, or not be prepared yet.
template <typename Get>
Answer of_boot(const ServedNode& node, const std::string& release, const Get& get) {
    constexpr std::chrono::seconds kToPrepare{5};
    const ServedBoot* boot = node.boot_of(release);
    if (boot && boot->problem.empty()) return get(*boot);
    if (boot) return problem(503, boot->problem);
    return {.status = 503,
            .body = text("release ", release, ": not prepared for ", node.name, " yet\n"),
            .retry_after = kToPrepare};
}

/// Empty where the URL names none, as most do.
std::string asked_release(const Asked& asked) {
    return asked.target.contains("release=") ? query_value(asked.target, "release") : "";
}

/// As docs/head.md has it.
const char* route_of(std::string_view path) {
    static constexpr std::pair<std::string_view, const char*> kRoutes[] = {
        {"/boot.ipxe", "/boot.ipxe"},
        {"/boot/", "/boot/{mac}.ipxe"},
        {"/blob/", "/blob/{digest}"},
        {"/n/definition", "/n/definition"},
        {"/n/files/", "/n/files/{digest}.tar"},
        {"/n/live", "/n/live"},
        {"/n/report", "/n/report"},
        {"/n/profile", "/n/profile"},
        {"/n/health", "/n/health"},
    };
    for (const auto& [begin, route] : kRoutes)
        if (path == begin || (begin.ends_with('/') && path.starts_with(begin))) return route;
    return Answer().route;
}

/// The answer to a post: the word that the node gets to know, or why it was not taken.
Answer posted(const Result<std::string>& taken) {
    if (taken && taken->empty()) return {.status = 204};
    if (taken) return {.body = *taken + "\n"};
    return problem(taken.error().is_transient() ? 503 : 400, describe(taken.error()));
}

} // namespace

std::string percent_decoded(std::string_view written) {
    std::string decoded;
    for (size_t at = 0; at < written.size(); ++at) {
        std::optional<uint64_t> code;
        if (written[at] == '%' && at + 2 < written.size()) code = parse_number(written.substr(at + 1, 2), 16);
        decoded += code ? static_cast<char>(*code) : written[at];
        if (code) at += 2;
    }
    return decoded;
}

std::string query_value(std::string_view target, std::string_view name) {
    size_t begin = target.find('?');
    if (begin == std::string_view::npos) return {};
    for (std::string& pair : split(target.substr(begin + 1), '&')) {
        if (!pair.starts_with(text(name, "="))) continue;
        std::ranges::replace(pair, '+', ' ');
        std::string value = percent_decoded(std::string_view(pair).substr(name.size() + 1));
        std::ranges::replace_if(
            value, [](unsigned char letter) { return std::isprint(letter) == 0; }, '?');
        return value;
    }
    return {};
}

NodeAnswers::NodeAnswers(const Settings& settings, TakeSighting take_sighting, TakeReport take_report,
                         MovingNodes* moving, const BootProfiles* profiles)
    : settings_(settings), take_sighting_(std::move(take_sighting)), take_report_(std::move(take_report)),
      moving_(moving), profiles_(profiles), admission_(settings.nodes_per_second, settings.burst),
      leases_(settings.leases) {}

std::string NodeAnswers::refusal(const ServedNode& node, const Asked& asked) {
    if (node.trust == Trust::open) return {};
    if (!asked.is_tls) return "only over https";
    if (asked.port >= kFirstPortOfUsers) return text("port ", asked.port, " is not below 1024: ask as root");
    bool has_address = std::ranges::find(node.addresses, asked.address) != node.addresses.end()
                       || leases_.has(node.macs, asked.address, std::chrono::system_clock::now());
    return has_address ? "" : text(asked.address, " is not an address of ", node.name);
}

Answer NodeAnswers::boot(const BootTable& table, const Asked& asked, const std::string& file,
                         Admission::Time now) {
    std::string base = http_base(settings_);
    Result<std::string> mac = normalize_mac(file.substr(0, file.size() - kScript.size()));
    if (!mac) return problem(404, "expected /boot/MAC.ipxe");
    const ServedNode* node = table.by_mac(*mac);
    if (!node) {
        if (asked.method == "GET") take_sighting_(sighting(asked, *mac));
        return {.body = screen_script(unknown_machine_lines(), base, settings_.screen)};
    }
    // A request that only looks changes nothing.
    std::optional<std::string> release = asked.method == "GET" ? settled_release(*node) : node->release;
    const ServedBoot* boot = release ? node->boot_of(*release) : nullptr;
    if (boot && !boot->problem.empty()) return script_of(*node, *release);
    std::chrono::seconds wait = admission_.ask(node->name, now);
    waiting_ = admission_.waiting();
    if (wait.count() > 0) {
        ++deferred_;
        return {.status = 503, .body = "many nodes start; this one has its place\n", .retry_after = wait};
    }
    if (release) {
        if (moving_ && asked.method == "GET") moving_->note_script(node->name);
        return script_of(*node, *release);
    }
    return {.finish = [this, own = *node] {
        auto is_prepared = [&](const std::string& id) { return own.boot_of(id) != nullptr; };
        Result<std::string> served = moving_->on_script(own.name, is_prepared);
        return script_of(own, served ? *served : own.release);
    }};
}

/// Any thread may call it.
Answer NodeAnswers::script_of(const ServedNode& node, const std::string& release) const {
    const ServedBoot* boot = node.boot_of(release);
    if (boot && !boot->problem.empty())
        return {.body = screen_script(problem_lines(node.name, boot->problem), http_base(settings_),
                                      settings_.screen)};
    return of_boot(node, release, [&](const ServedBoot& own) {
        return Answer{.body = is_recorded(node) ? script_with(own.script, kRecord) : own.script};
    });
}

bool NodeAnswers::is_recorded(const ServedNode& node) const {
    return profiles_ && profiles_->is_requested(node.name);
}

/// Nothing where a rollout has the node.
std::optional<std::string> NodeAnswers::settled_release(const ServedNode& node) const {
    return moving_ ? moving_->settled_release(node.name) : std::string();
}

Answer NodeAnswers::definition(const ServedNode& node, const Asked& asked) const {
    if (node.trust == Trust::tpm) return definition_for_tpm(node, asked);
    if (asked.method == "POST")
        return problem(405, text("/n/definition: use GET; the trust of ", node.name, " is not tpm"));
    return definition_as(node, asked, [](const ServedBoot& boot) {
        return Answer{.body = boot.definition, .type = "application/json"};
    });
}

/// The first TPM that asks is noted, for the operator to enrol.
Answer NodeAnswers::definition_for_tpm(const ServedNode& node, const Asked& asked) const {
    if (asked.method != "POST")
        return problem(403, text("the definition of ", node.name,
                                 " is for its TPM: boot it with "
                                 "mangrove.definition=tpm:URL"));
    Result<TpmKeys> keys = read_tpm_keys(asked.body);
    if (!keys) return problem(400, describe(keys.error()));
    std::string tpm = keys->tpm();
    if (node.tpm.empty()) {
        if (!node.macs.empty())
            take_sighting_({.mac = node.macs[0], .address = asked.address, .tpm = tpm, .last = utc_now()});
        return {.status = 503,
                .body = text("the TPM of ", node.name, " is not enrolled: mangrovectl discover enroll ",
                             node.name, "\n"),
                .retry_after = settings_.screen};
    }
    if (node.tpm != tpm)
        return problem(403, text("the TPM of this machine is not the one that is enrolled for ", node.name));
    return definition_as(node, asked, [keys = *keys](const ServedBoot& boot) {
        Result<std::string> sealed = head::definition_for_tpm(keys, boot.definition);
        if (!sealed) return problem(400, describe(sealed.error()));
        return Answer{.body = *sealed, .type = "application/json"};
    });
}

Answer NodeAnswers::definition_as(const ServedNode& node, const Asked& asked,
                                  const GetDefinition& get) const {
    std::string release = asked_release(asked);
    std::optional<std::string> settled = settled_release(node);
    if (settled || asked.method == "HEAD")
        return of_boot(node, release.empty() ? settled.value_or(node.release) : release, get);
    return {.finish = [this, own = node, release, get]() -> Answer {
        Result<std::string> served = moving_->on_definition(own.name, release);
        if (!served) return problem(503, describe(served.error()));
        return of_boot(own, *served, get);
    }};
}

Answer NodeAnswers::take_post(const ServedNode& node, const Asked& asked, bool is_report) {
    if (is_report) take_report_(node.name, asked.body);
    std::string release = asked_release(asked);
    if (std::optional<std::string> settled = settled_release(node)) {
        if (moving_ && is_report) moving_->note_report(node.name, release, asked.body);
        return posted(!is_report && release == *settled && !release.empty() ? "committed" : "");
    }
    return {.finish = [this, name = node.name, release, body = asked.body, is_report]() -> Answer {
        if (!is_report) return posted(moving_->on_health(name, release, body));
        Result<> taken = moving_->on_report(name, release, body);
        return posted(taken ? Result<std::string>() : std::unexpected(taken.error()));
    }};
}

Answer NodeAnswers::take_profile(const ServedNode& node, const Asked& asked) const {
    if (!profiles_) return problem(404, "profiles are not taken");
    return {.finish = [this, name = node.name, body = asked.body]() -> Answer {
        Result<> taken = profiles_->keep(name, body);
        return posted(taken ? Result<std::string>() : std::unexpected(taken.error()));
    }};
}

Answer NodeAnswers::of_node(const BootTable& table, const Asked& asked, const std::string& path) {
    const ServedNode* node = table.by_name(query_value(asked.target, "node"));
    if (!node) return problem(403, "the request names no node of this head node (?node=NAME)");
    if (std::string why = refusal(*node, asked); !why.empty()) return problem(403, why);
    // The definition of a node that is known by its TPM holds the password for the rest; a boot that fails
    // may not have it.
    bool needs_token = node->trust == Trust::tpm && path != "definition" && path != "report";
    if (needs_token && !has_password(asked, *node))
        return problem(403, text("the password is not that of ", node->name));
    bool is_report = path == "report";
    if (is_report || path == "health" || path == "profile") {
        if (asked.method != "POST") return problem(405, text("/n/", path, ": use POST"));
        return path == "profile" ? take_profile(*node, asked) : take_post(*node, asked, is_report);
    }
    if (path == "definition") return definition(*node, asked);
    std::string release = asked_release(asked);
    if (release.empty()) release = settled_release(*node).value_or(node->release);
    if (path == "boot")
        return of_boot(*node, release, [&](const ServedBoot& boot) {
            return Answer{.body = is_recorded(*node) ? plan_with(boot.plan, kRecord) : boot.plan,
                          .type = "application/json"};
        });
    if (path == "live") {
        return of_boot(*node, release, [&](const ServedBoot& boot) {
            if (boot.live.empty()) return problem(404, node->name + " has no live files");
            return file_answer(table.tars, boot.live, "application/x-tar");
        });
    }
    if (!path.starts_with("files/") || !path.ends_with(kTar)) return problem(404, "not found");
    std::string digest = path.substr(6, path.size() - 6 - kTar.size());
    if (!node->files.contains(digest)) return problem(404, node->name + " has no such files");
    return file_answer(table.tars, digest, "application/x-tar");
}

Answer NodeAnswers::answer(const BootTable& table, const Asked& asked, Admission::Time now) {
    std::string path = asked.target.substr(0, asked.target.find('?'));
    Answer answer = answer_path(table, asked, path, now);
    answer.route = route_of(path);
    return answer;
}

Answer NodeAnswers::answer_path(const BootTable& table, const Asked& asked, const std::string& path,
                                Admission::Time now) {
    constexpr std::string_view kPosted[] = {"/n/report", "/n/health", "/n/profile", "/n/definition"};
    bool is_posted = asked.method == "POST" && std::ranges::find(kPosted, path) != std::end(kPosted);
    if (asked.method != "GET" && asked.method != "HEAD" && !is_posted)
        return problem(405,
                       "only GET and HEAD, and POST of /n/definition, /n/report, /n/profile and /n/health");
    if (path == "/boot.ipxe") return {.body = first_script(http_base(settings_), settings_.screen)};
    if (!table.is_prepared)
        return {.status = 503,
                .body = "mangrove-head cannot read what it serves; see its log\n",
                .retry_after = settings_.screen};
    if (path.starts_with("/boot/") && path.ends_with(kScript)) return boot(table, asked, path.substr(6), now);
    Answer found = problem(404, "not found");
    if (path.starts_with("/blob/")) {
        found = file_answer(table.blobs, path.substr(6), "application/octet-stream");
        found.is_immutable = found.status == 200;
    } else if (path.starts_with("/n/")) {
        found = of_node(table, asked, path.substr(3));
    }
    if (!found.tag.empty() && asked.if_none_match.contains("\"" + found.tag + "\""))
        return {.status = 304, .tag = found.tag};
    return found;
}

} // namespace mangrove::head
