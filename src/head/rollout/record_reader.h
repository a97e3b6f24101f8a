#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

enum class Unknown { refused, ignored };

/// Reads the members of a record strictly, by keys that live as long as the reader: a member that is missing,
/// has another type or is unknown is an error. The functions return a default after an error; finish()
/// returns the first one.
class RecordReader {
  public:
    /// `origin` names the record in errors. `object` must outlive the reader.
    RecordReader(const cJSON* object, std::string origin);

    std::string text(const char* key);
    std::vector<std::string> texts(const char* key);
    int64_t number(const char* key);
    uint32_t count(const char* key);
    bool flag(const char* key);
    const cJSON* object(const char* key);
    const cJSON* array(const char* key);
    /// Returns the index of a name; the values of an enum are in the order of the names.
    template <typename Enum>
    Enum one_of(const char* key, std::span<const std::string_view> names) {
        return static_cast<Enum>(index_of(key, names));
    }

    /// The same for members that may be missing.
    bool has(const char* key);
    std::string text_or(const char* key, const char* missing = "") { return has(key) ? text(key) : missing; }
    std::vector<std::string> texts_or_none(const char* key);
    int64_t number_or_zero(const char* key) { return has(key) ? number(key) : 0; }
    uint32_t count_or_zero(const char* key) { return has(key) ? count(key) : 0; }
    bool flag_or_false(const char* key) { return has(key) && flag(key); }

    /// Notes an error that the reader does not find itself.
    void fail(const char* key, std::string_view problem);
    Result<> finish(Unknown unknown = Unknown::refused);

  private:
    const cJSON* find(const char* key);
    size_t index_of(const char* key, std::span<const std::string_view> names);

    const cJSON* object_;
    std::string origin_;
    std::vector<std::string_view> known_; ///< the keys that were asked for
    std::optional<std::string> problem_;
};

/// Parses a text that is one JSON object and nothing after it.
Result<Json> parse_record(const std::string& text, std::string_view origin);

/// Returns JSON on one line with the members of each object sorted by name, so that equal values are equal
/// texts.
std::string canonical_json(const cJSON* json);

/// Adds members that records leave out when they are empty.
void add_unless_empty(cJSON* object, const char* key, const std::string& value);
void add_unless_empty(cJSON* object, const char* key, const std::vector<std::string>& values);
void add_unless_zero(cJSON* object, const char* key, int64_t value);
void add_if(cJSON* object, const char* key, bool value);

} // namespace mangrove::head
