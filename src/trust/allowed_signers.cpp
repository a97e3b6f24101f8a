#include "trust/allowed_signers.h"

#include <algorithm>

#include "base/excerpt.h"
#include "base/utc_time.h"
#include "definition/base64.h"

namespace mangrove::trust {

namespace {

using std::chrono::sys_seconds;

/// Splits at these characters outside of double quotes, and leaves empty parts out.
std::vector<std::string_view> split_outside_quotes(std::string_view whole, std::string_view separators) {
    std::vector<std::string_view> parts;
    size_t begin = 0;
    bool is_quoted = false;
    for (size_t i = 0; i <= whole.size(); ++i) {
        bool is_end =
            i == whole.size() || (!is_quoted && separators.find(whole[i]) != std::string_view::npos);
        if (is_end && i > begin) parts.push_back(whole.substr(begin, i - begin));
        if (is_end) begin = i + 1;
        if (i < whole.size() && whole[i] == '"') is_quoted = !is_quoted;
    }
    return parts;
}

std::string_view without_quotes(std::string_view written) {
    bool is_quoted = written.size() >= 2 && written.starts_with('"') && written.ends_with('"');
    return is_quoted ? written.substr(1, written.size() - 2) : written;
}

bool is_key_type(std::string_view word) {
    return word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-");
}

/// `*` and `?` as in ssh_config(5), PATTERNS.
bool matches(std::string_view pattern, std::string_view word) {
    size_t star = std::string_view::npos;
    size_t retry = 0;
    size_t p = 0;
    for (size_t w = 0; w < word.size();) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = w;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == word[w])) {
            ++p;
            ++w;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            w = ++retry;
        } else {
            return false;
        }
    }
    return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

/// A list with `!` before what must not match.
bool is_in_list(std::string_view list, std::string_view word) {
    bool is_in = false;
    for (const std::string& pattern : split(list, ',')) {
        bool is_negated = pattern.starts_with('!');
        if (!matches(std::string_view(pattern).substr(is_negated ? 1 : 0), word)) continue;
        if (is_negated) return false;
        is_in = true;
    }
    return is_in;
}

Result<sys_seconds> read_time(std::string_view name, std::string_view written) {
    std::string_view digits = written;
    if (digits.ends_with('Z') || digits.ends_with('z')) digits.remove_suffix(1);
    if (std::optional<sys_seconds> time = parse_utc_digits(digits)) return *time;
    return permanent_error(name, ": '", excerpt(written),
                           "' is not a time; write it like 20270301Z or 202703011200Z");
}

Result<> read_option(Signer& signer, std::string_view option) {
    size_t equals = std::min(option.find('='), option.size());
    std::string name = lower_case(option.substr(0, equals));
    std::string_view value = without_quotes(option.substr(std::min(equals + 1, option.size())));
    if (name == "cert-authority")
        return permanent_error("certificate authorities (cert-authority) are not supported; list each key");
    if (name == "namespaces")
        signer.namespaces = value;
    else if (name == "valid-after")
        signer.valid_after = TRY(read_time(name, value));
    else if (name == "valid-before")
        signer.valid_before = TRY(read_time(name, value));
    else
        return permanent_error("unknown option '", excerpt(name), "'",
                               did_you_mean(name, {"namespaces", "valid-after", "valid-before"}));
    if (value.empty()) return permanent_error(name, " is empty");
    return {};
}

Result<Signer> read_line(std::string_view line) {
    constexpr std::string_view kBlanks = " \t";
    std::vector<std::string_view> words = split_outside_quotes(line, kBlanks);
    size_t type = words.size() > 1 && is_key_type(words[1]) ? 1 : 2;
    if (words.size() < type + 2)
        return permanent_error(
            "expected PRINCIPALS [OPTIONS] TYPE KEY, as ssh-keygen(1) has it under ALLOWED SIGNERS");
    Signer signer{.principals = std::string(without_quotes(words[0]))};
    if (type == 2)
        for (std::string_view option : split_outside_quotes(words[1], ","))
            TRY(read_option(signer, option));
    std::optional<std::string> blob = definition::from_base64(words[type + 1]);
    if (!blob) return permanent_error("the key is not base64; copy it again");
    signer.key = TRY(parse_public_key(as_bytes(*blob)));
    if (signer.key.type != words[type])
        return permanent_error("the key is one of the type ", signer.key.type, ", not ",
                               excerpt(words[type]));
    return signer;
}

Result<> may_sign(const Signer& signer, sys_seconds now) {
    std::string name = excerpt(signer.principals);
    if (!signer.namespaces.empty() && !is_in_list(signer.namespaces, kNamespace))
        return permanent_error(
            "the key of ", name, " may not sign for the namespace '", kNamespace,
            "'; sign with another key, or change namespaces= in the file of allowed signers");
    if (signer.valid_after && now < *signer.valid_after)
        return permanent_error("the key of ", name, " is valid only after ", utc_text(*signer.valid_after),
                               ", and it is ", utc_text(now),
                               "; sign with another key, or set the clock of the node");
    if (signer.valid_before && now >= *signer.valid_before)
        return permanent_error("the key of ", name, " was valid only before ", utc_text(*signer.valid_before),
                               ", and it is ", utc_text(now), "; sign with another key");
    return {};
}

} // namespace

AllowedSigners parse_allowed_signers(std::string_view written) {
    AllowedSigners allowed;
    size_t number = 0;
    for (const std::string& line : split(written, '\n')) {
        ++number;
        std::string_view inside = trim(line);
        if (inside.empty() || inside.starts_with('#')) continue;
        if (Result<Signer> signer = read_line(inside))
            allowed.signers.push_back(*std::move(signer));
        else
            allowed.problems.push_back(text("line ", number, ": ", signer.error().what));
    }
    return allowed;
}

Result<std::string> find_signer(const AllowedSigners& allowed, const PublicKey& key, sys_seconds now) {
    Result<std::string> found = permanent_error("the key ", key.fingerprint(), " (", key.type,
                                                ") is not an allowed signer; sign with one that is, or add "
                                                "it to the file of allowed signers and build the "
                                                "initramfs again");
    for (const Signer& signer : allowed.signers) {
        if (signer.key.blob != key.blob) continue;
        if (Result<> allows = may_sign(signer, now); !allows)
            found = std::unexpected(allows.error());
        else
            return excerpt(signer.principals);
    }
    return found;
}

} // namespace mangrove::trust
