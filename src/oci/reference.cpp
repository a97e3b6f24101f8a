#include "oci/reference.h"

#include <algorithm>

#include "base/host_port.h"

namespace mangrove::oci {

namespace {

constexpr std::string_view kScheme = "oci://";

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Distribution specification, "Pulling manifests": the names of repositories.
bool is_repository(const std::string& name) {
    constexpr size_t kLongest = 255;
    for (const std::string& part : split(name, '/')) {
        bool is_framed = !part.empty() && is_letter_or_digit(part.front()) && is_letter_or_digit(part.back());
        bool is_allowed = std::ranges::all_of(
            part, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
        if (!is_framed || !is_allowed) return false;
    }
    return name.size() <= kLongest;
}

bool is_tag(const std::string& tag) {
    constexpr size_t kLongest = 128;
    bool is_allowed = std::ranges::all_of(
        lower_case(tag), [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
    return !tag.empty() && tag.size() <= kLongest && is_allowed && tag[0] != '.' && tag[0] != '-';
}

} // namespace

bool is_digest(std::string_view written) {
    constexpr std::string_view kAlgorithm = "sha256:";
    return written.starts_with(kAlgorithm) && written.size() == kAlgorithm.size() + 64
           && written.find_first_not_of("0123456789abcdef", kAlgorithm.size()) == std::string_view::npos;
}

Result<Reference> Reference::parse(std::string_view written) {
    if (!written.starts_with(kScheme)) return permanent_error("expected oci://REGISTRY/REPOSITORY");
    written.remove_prefix(kScheme.size());
    size_t slash = written.find('/');
    if (slash == std::string_view::npos)
        return permanent_error("no repository: expected oci://REGISTRY/REPOSITORY");
    Reference found = {.registry = std::string(written.substr(0, slash)),
                       .repository = std::string(written.substr(slash + 1))};
    constexpr std::string_view kHostLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    bool is_host = lower_case(found.registry).find_first_not_of(kHostLetters) == std::string::npos;
    if (!is_host || !split_host_port(found.registry))
        return permanent_error("invalid registry '", found.registry, "'");
    if (size_t at = found.repository.find('@'); at != std::string::npos) {
        found.digest = found.repository.substr(at + 1);
        found.repository.resize(at);
        if (!is_digest(found.digest)) return permanent_error("expected sha256: and 64 digits after '@'");
    }
    if (size_t colon = found.repository.find(':'); colon != std::string::npos) {
        found.tag = found.repository.substr(colon + 1);
        found.repository.resize(colon);
        if (!is_tag(found.tag)) return permanent_error("invalid tag '", found.tag, "'");
        if (!found.digest.empty()) return permanent_error("a tag and a digest: expected one of them");
    }
    if (!is_repository(found.repository))
        return permanent_error("invalid repository '", found.repository, "'");
    return found;
}

} // namespace mangrove::oci
