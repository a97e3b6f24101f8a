#pragma once

#include <cJSON.h>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "definition/scanner.h"

namespace mangrove::definition {

/// The parser's findings in a definition.
struct Findings {
    const Scan& scan;
    std::vector<Problem> problems;
    std::vector<std::string> meaningless; ///< paths of ImageAPI's keys that mean nothing at boot
    std::vector<std::string> oddities;    ///< "path: what", accepted all the same

    void add(const std::string& path, std::string what);
};

/// One JSON object. Each getter marks its key as known, adds a problem when the value is wrong, and then
/// returns the default. `finish` reports the keys that no getter asked for.
class Reader {
  public:
    Reader(Findings& findings, const cJSON* value, std::string path);

    const std::string& path() const { return path_; }
    Findings& findings() { return findings_; }
    bool has(const std::string& key);
    /// Returns the value, without a problem when it is missing; a null counts as missing.
    const cJSON* get(const std::string& key);
    std::string text(const std::string& key, std::string fallback = {});
    /// Returns the text; missing or empty is a problem.
    std::string required_text(const std::string& key);
    bool boolean(const std::string& key, bool fallback);
    int64_t integer(const std::string& key, int64_t minimum, int64_t maximum, int64_t fallback);
    std::vector<std::string> texts(const std::string& key);
    /// Returns the index of the value in `words`; `fallback` when the key is missing or wrong.
    size_t choice(const std::string& key, const std::vector<std::string>& words, size_t fallback);
    /// Returns the value of `key` as an object, or nothing (and adds a problem if it is something else, or
    /// missing and required).
    std::optional<Reader> object(const std::string& key, bool required);
    void problem(const std::string& key, std::string what);
    /// Adds a notice about an accepted value.
    void oddity(const std::string& key, std::string what);
    /// Accepts and notes keys of ImageAPI that are not used at boot.
    void ignore(const std::vector<std::string>& keys);
    void finish();

  private:
    Findings& findings_;
    const cJSON* value_;
    std::string path_;
    std::vector<std::string> known_;
};

/// Returns "a string", "a number", …: the value's type, for messages.
std::string_view type_name(const cJSON* value);

} // namespace mangrove::definition
