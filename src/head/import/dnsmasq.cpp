/// Hosts of dnsmasq: "MAC[,MAC],[set:TAG],[ADDRESS],[NAME],[LEASE]", after "dhcp-host=" in a configuration
/// and alone in the lines of a dhcp-hostsfile.

#include <algorithm>
#include <map>

#include "head/host/address.h"
#include "head/host/json.h"
#include "head/import/collected.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kOption = "dhcp-host";

/// The words of one host, by their kind.
struct Host4 {
    std::vector<std::string> macs;
    std::vector<std::string> groups;
    std::string name;
    std::string address;
    std::string address6;
    std::vector<std::string> unused;
    bool is_ignored = false;
};

bool is_lease_time(const std::string& word) {
    std::string digits = word;
    if (!digits.empty() && std::string_view("smhdwSMHDW").contains(digits.back())) digits.pop_back();
    return word == "infinite" || parse_number(digits).has_value();
}

bool looks_like_mac(const std::string& word) {
    return std::ranges::count(word, ':') == 5 && !word.starts_with('[');
}

/// "[fd00::1]", without a prefix's length or a part of it alone.
std::string address_in_brackets(const std::string& word) {
    if (!word.starts_with('[') || !word.ends_with(']')) return "";
    std::string inner = word.substr(1, word.size() - 2);
    return is_ip_address(inner) && !inner.starts_with("::") ? inner : "";
}

Result<> take_word(Host4& host, const std::string& word) {
    if (word == "ignore") {
        host.is_ignored = true;
    } else if (word.starts_with("set:")) {
        host.groups.push_back(word.substr(4));
    } else if (looks_like_mac(word)) {
        Result<std::string> mac = normalize_mac(word);
        if (mac)
            host.macs.push_back(*mac);
        else
            host.unused.push_back(word);
    } else if (word.starts_with("id:") || word.starts_with("tag:") || word.starts_with("net:")
               || is_lease_time(word)) {
        if (word != "infinite") host.unused.push_back(word);
    } else if (word.starts_with('[')) {
        (host.address6.empty() ? host.address6 : host.unused.emplace_back()) = address_in_brackets(word);
        if (host.address6.empty()) host.unused.push_back(word);
    } else if (is_ip_address(word)) {
        if (!host.address.empty()) return permanent_error("two addresses: ", host.address, " and ", word);
        host.address = word;
    } else if (host.name.empty()) {
        host.name = word;
    } else {
        return permanent_error("two names: '", host.name, "' and '", word, "'");
    }
    return {};
}

/// Another line of the same name is another interface.
std::string new_interface(const Object& node) {
    const cJSON* interfaces = cJSON_GetObjectItemCaseSensitive(node.fields.get(), "interfaces");
    int count = interfaces ? cJSON_GetArraySize(interfaces) : 0;
    return count == 0 ? "default" : text("default", count + 1);
}

void add_host(Collected& collected, const Host4& host, size_t line) {
    Object& node = collected.object("node", host.name, line);
    for (const std::string& group : host.groups)
        collected.add_group(node, group);
    for (const std::string& mac : host.macs)
        if (host.macs.size() > 1 || (host.address.empty() && host.address6.empty()))
            collected.add_mac(node, mac);
    if (host.address.empty() && host.address6.empty()) return;
    std::string name = new_interface(node);
    cJSON* interface = object_at(node.fields.get(), {"interfaces", name});
    if (host.macs.size() == 1) add_text(interface, "mac", host.macs[0]);
    if (!host.address.empty()) add_text(interface, "address", host.address);
    if (!host.address6.empty()) add_text(interface, "address6", host.address6);
}

Result<> add_line(Collected& collected, std::string_view written, size_t line) {
    Host4 host;
    for (const std::string& word : split(written, ',')) {
        std::string plain(trim(word));
        if (plain.empty()) continue;
        if (Result<> taken = take_word(host, plain); !taken) return collected.error(line, taken.error().what);
    }
    if (host.is_ignored || host.name.empty()) {
        collected.ignore(line, text(host.is_ignored ? "a host that gets no address: "
                                                    : "a host without a name is no node: ",
                                    written));
        return {};
    }
    for (const std::string& word : host.unused)
        collected.ignore(line, text("'", word, "' of ", host.name, " is not used"));
    add_host(collected, host, line);
    return {};
}

std::string_view without_comment(std::string_view line) {
    for (size_t i = 0; i < line.size(); ++i)
        if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) return line.substr(0, i);
    return line;
}

std::string_view without_quotes(std::string_view value) {
    bool is_quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
    return is_quoted ? value.substr(1, value.size() - 2) : value;
}

/// Whether the file is a configuration, in which each line is an option.
bool is_configuration(const std::vector<std::string>& lines) {
    return std::ranges::any_of(lines, [](const std::string& line) {
        std::string_view option = without_comment(line);
        return trim(option.substr(0, option.find('='))) == kOption && option.contains('=');
    });
}

} // namespace

Result<Imported> import_dnsmasq(const std::string& contents, const std::string& file) {
    Collected collected(file);
    std::vector<std::string> lines = lines_of(contents);
    bool has_options = is_configuration(lines);
    size_t number = 0;
    for (const std::string& written : lines) {
        ++number;
        std::string_view line = trim(without_comment(written));
        if (line.empty()) continue;
        size_t equals = line.find('=');
        std::string_view option = trim(line.substr(0, equals));
        if (!has_options) {
            TRY(add_line(collected, line, number));
        } else if (option == kOption && equals != std::string_view::npos) {
            TRY(add_line(collected, without_quotes(trim(line.substr(equals + 1))), number));
        } else {
            collected.ignore(number, text("the option ", option, " describes no host"));
        }
    }
    return collected.finish();
}

} // namespace mangrove::head
