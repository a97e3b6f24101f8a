#include "head/serve/answers.h"

#include <algorithm>
#include <cctype>

#include "head/serve/boot_script.h"

namespace mangrove::head {

namespace {

constexpr uint16_t kFirstPortOfUsers = 1024;
constexpr size_t kLongestValue = 128;
constexpr std::string_view kScript = ".ipxe";
constexpr std::string_view kTar = ".tar";

Answer problem(unsigned status, std::string what) {
    return {.status = status, .body = std::move(what) + "\n"};
}

Answer file_answer(const std::map<std::string, std::filesystem::path>& files, const std::string& digest,
                   const char* type) {
    auto found = files.find(digest);
    if (found == files.end()) return problem(404, "not found");
    return {.file = found->second, .type = type, .tag = digest};
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

std::vector<std::string> problem_lines(const ServedNode& node) {
    std::vector<std::string> lines = {text("Mangrove: ", node.name, " cannot boot:")};
    for (const std::string& line : split(node.problem, '\n'))
        lines.push_back("  " + printed_by_firmware(line));
    return lines;
}

} // namespace

std::string query_value(std::string_view target, std::string_view name) {
    size_t begin = target.find('?');
    if (begin == std::string_view::npos) return {};
    for (const std::string& pair : split(target.substr(begin + 1), '&')) {
        if (!pair.starts_with(text(name, "="))) continue;
        std::string value;
        for (size_t at = name.size() + 1; at < pair.size(); ++at) {
            std::optional<uint64_t> code;
            if (pair[at] == '%' && at + 2 < pair.size()) code = parse_number(pair.substr(at + 1, 2), 16);
            if (code) at += 2;
            char letter = code ? static_cast<char>(*code) : pair[at] == '+' ? ' ' : pair[at];
            value += std::isprint(static_cast<unsigned char>(letter)) != 0 ? letter : '?';
        }
        return value;
    }
    return {};
}

NodeAnswers::NodeAnswers(const Settings& settings, TakeSighting take_sighting, TakeReport take_report)
    : settings_(settings), take_sighting_(std::move(take_sighting)), take_report_(std::move(take_report)),
      admission_(settings.nodes_per_second, settings.burst), leases_(settings.leases) {}

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
    if (!node->problem.empty()) return {.body = screen_script(problem_lines(*node), base, settings_.screen)};
    if (std::chrono::seconds wait = admission_.ask(node->name, now); wait.count() > 0) {
        ++deferred_;
        return {.status = 503, .body = "many nodes start; this one has its place\n", .retry_after = wait};
    }
    return {.body = node->script};
}

Answer NodeAnswers::of_node(const BootTable& table, const Asked& asked, const std::string& path) {
    const ServedNode* node = table.by_name(query_value(asked.target, "node"));
    if (!node) return problem(403, "the request names no node of this head node (?node=NAME)");
    if (std::string why = refusal(*node, asked); !why.empty()) return problem(403, why);
    if (path == "report") {
        if (asked.method != "POST") return problem(405, "a report is posted");
        take_report_(node->name, asked.body);
        return {.status = 204};
    }
    if (!node->problem.empty()) return problem(503, node->problem);
    if (path == "definition") return {.body = node->definition, .type = "application/json"};
    if (path == "live") {
        if (node->live.empty()) return problem(404, node->name + " has no live files");
        return file_answer(table.tars, node->live, "application/x-tar");
    }
    if (!path.starts_with("files/") || !path.ends_with(kTar)) return problem(404, "not found");
    std::string digest = path.substr(6, path.size() - 6 - kTar.size());
    if (!node->files.contains(digest)) return problem(404, node->name + " has no such files");
    return file_answer(table.tars, digest, "application/x-tar");
}

Answer NodeAnswers::answer(const BootTable& table, const Asked& asked, Admission::Time now) {
    std::string path = asked.target.substr(0, asked.target.find('?'));
    bool is_report = path == "/n/report";
    if (asked.method != "GET" && asked.method != "HEAD" && !(is_report && asked.method == "POST"))
        return problem(405, "only GET and HEAD, and POST of /n/report");
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
