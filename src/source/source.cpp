#include "source/source.h"

#include <algorithm>

#include "base/excerpt.h"
#include "net/lease_renewal.h"
#include "net/url.h"
#include "source/dracut_root.h"

namespace mangrove {

namespace {

struct SourceKind {
    std::string_view word; ///< the whole value, or with ":" at its end what the value begins with
    Result<Found> (*find)(Search&, const std::string& source);

    bool matches(std::string_view source) const {
        return word.ends_with(":") ? source.starts_with(word) : source == word;
    }
};

constexpr SourceKind kKinds[] = {
    {"dhcp", find_in_dhcp},        {"cmdline", find_in_command_line},
    {"http:", find_at_url},        {"https:", find_at_url},
    {"tftp:", find_at_url},        {"fw_cfg", find_in_fw_cfg},
    {"smbios", find_in_smbios},    {"file:", find_in_file},
    {"base64:", find_in_argument}, {"tpm:", find_by_tpm},
};

} // namespace

std::vector<std::string> definition_sources(const KernelCommandLine& command_line) {
    std::vector<std::string> sources = command_line.values("mangrove.definition");
    if (sources.empty())
        sources.emplace_back(root_words(command_line) == RootWords::described ? "cmdline" : "dhcp");
    return sources;
}

std::string shown_source(const std::string& source) {
    if (source.starts_with("base64:")) return "base64:…";
    size_t scheme = source.find("://");
    if (scheme == std::string::npos) return excerpt(source);
    std::string shown = source.substr(0, scheme + 3);
    std::string rest = source.substr(scheme + 3);
    std::string authority = rest.substr(0, rest.find_first_of("/?"));
    // In what is no URL a password can be anywhere.
    if (source.contains('@') && !Url::parse(source)) return shown + "…";
    if (size_t at = authority.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
    return excerpt(shown + rest.substr(0, rest.find('?')));
}

Result<Found> find_definition(Search& search, const std::string& source) {
    std::vector<std::string> words;
    for (const SourceKind& kind : kKinds) {
        words.emplace_back(kind.word);
        if (!kind.matches(source)) continue;
        return kind.find(search, source);
    }
    std::string word = excerpt(source.substr(0, source.find(':') + 1));
    if (word.empty()) word = excerpt(source);
    return permanent_error("unknown definition source '", word, "'", did_you_mean(word, words));
}

Result<Found> follow(Search& search, Found found) {
    std::string_view inside = trim(found.text);
    if (inside.empty()) return permanent_error(found.origin, " is empty");
    if (inside.starts_with("{")) return found;
    // The words without a colon are left to the kernel command line, or a text could lead to itself.
    if (inside.find(':') == std::string_view::npos)
        return permanent_error(found.origin, " holds neither JSON nor a source: '", excerpt(inside), "'");
    Found named = TRY(find_definition(search, std::string(inside)), "following ", found.origin);
    if (named.readers.empty()) named.readers = found.readers;
    if (inside.starts_with("base64:")) named.origin = found.origin;
    return named;
}

Result<> need_network(Search& search) {
    if (search.boot.network) return renew_leases(search.boot.system, *search.boot.network);
    std::vector<std::string> sources = definition_sources(search.command_line);
    bool is_asked = std::ranges::find(sources, "dhcp") != sources.end();
    OfferChoice choice = is_asked ? OfferChoice::with_definition : OfferChoice::first;
    search.boot.network = TRY(timed(search.boot, "bringing up the network", [&] {
        return bring_up_network(search.boot.system, search.boot.device_modules, search.command_line, choice);
    }));
    return {};
}

} // namespace mangrove
