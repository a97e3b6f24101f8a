#include "head/image/kernel_version.h"

#include <algorithm>
#include <string>

namespace mangrove::head {

namespace {

bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

bool is_letter(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

/// The longest start of one kind; it is taken off.
template <typename Is>
std::string_view take(std::string_view& rest, Is is) {
    size_t length = static_cast<size_t>(std::ranges::find_if_not(rest, is) - rest.begin());
    std::string_view taken = rest.substr(0, length);
    rest.remove_prefix(length);
    return taken;
}

/// Of any length.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
    take(a, [](char digit) { return digit == '0'; });
    take(b, [](char digit) { return digit == '0'; });
    return a.size() != b.size() ? a.size() <=> b.size() : a.compare(b) <=> 0;
}

std::string with_candidates_first(std::string_view version) {
    std::string changed(version);
    for (size_t at = 0; (at = changed.find("-rc", at)) != std::string::npos; ++at)
        if (at + 3 < changed.size() && is_digit(changed[at + 3])) changed[at] = '~';
    return changed;
}

/// '~' comes before the end, '^' after the end and before all else.
int rank_of_start(std::string_view rest) {
    if (rest.empty()) return 1;
    return rest[0] == '~' ? 0 : rest[0] == '^' ? 2 : 3;
}

std::strong_ordering compare(std::string_view a, std::string_view b) {
    auto is_separator = [](char c) { return !is_digit(c) && !is_letter(c) && c != '~' && c != '^'; };
    for (;;) {
        take(a, is_separator);
        take(b, is_separator);
        int rank = rank_of_start(a);
        if (rank != rank_of_start(b)) return rank <=> rank_of_start(b);
        if (rank == 1) return std::strong_ordering::equal;
        if (rank != 3) {
            a.remove_prefix(1);
            b.remove_prefix(1);
            continue;
        }
        if (is_digit(a[0]) != is_digit(b[0])) return is_digit(a[0]) <=> is_digit(b[0]);
        bool is_number = is_digit(a[0]);
        std::string_view first = is_number ? take(a, is_digit) : take(a, is_letter);
        std::string_view second = is_number ? take(b, is_digit) : take(b, is_letter);
        std::strong_ordering order = is_number ? compare_numbers(first, second) : first.compare(second) <=> 0;
        if (order != std::strong_ordering::equal) return order;
    }
}

} // namespace

std::strong_ordering compare_versions(std::string_view a, std::string_view b) {
    return compare(with_candidates_first(a), with_candidates_first(b));
}

bool is_kernel_variant(std::string_view version) {
    constexpr std::string_view kVariants[] = {
        "debug", "dbg", "rt",  "realtime", "lowlatency", "cloud", "virt",     "kvm",   "kvmsmall",
        "azure", "aws", "gcp", "gke",      "oracle",     "64k",   "zfcpdump", "kdump", "xen"};
    while (!version.empty()) {
        std::string_view word = take(version, [](char c) { return is_digit(c) || is_letter(c); });
        if (!version.empty()) version.remove_prefix(1);
        // "rt7" is in kernels of EL 8.
        bool is_rt = word.starts_with("rt") && std::ranges::all_of(word.substr(2), is_digit);
        if (is_rt || std::ranges::find(kVariants, word) != std::end(kVariants)) return true;
    }
    return false;
}

bool is_kernel_version(std::string_view version) {
    constexpr std::string_view kMore = "._+~-";
    return !version.empty() && version.size() <= 64 && (is_digit(version[0]) || is_letter(version[0]))
           && std::ranges::all_of(version, [&](char c) {
                  return is_digit(c) || is_letter(c) || kMore.find(c) != std::string_view::npos;
              });
}

} // namespace mangrove::head
