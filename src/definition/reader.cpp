#include "definition/reader.h"

#include <algorithm>
#include <cmath>

namespace mangrove::definition {

void Findings::add(const std::string& path, std::string what) {
    // A missing key has no place of its own: its object's is the nearest.
    std::string place = path;
    while (!scan.positions.contains(place) && !place.empty()) {
        size_t end = place.find_last_of(".[");
        place.resize(end == std::string::npos ? 0 : end);
    }
    Position position = scan.positions.contains(place) ? scan.positions.at(place) : Position{};
    problems.push_back({path, std::move(what), position.line, position.column});
}

std::string_view type_name(const cJSON* value) {
    if (cJSON_IsString(value)) return "a string";
    if (cJSON_IsNumber(value)) return "a number";
    if (cJSON_IsBool(value)) return "true or false";
    if (cJSON_IsArray(value)) return "a list";
    if (cJSON_IsObject(value)) return "an object";
    return "null";
}

Reader::Reader(Findings& findings, const cJSON* value, std::string path)
    : findings_(findings), value_(value), path_(std::move(path)) {}

const cJSON* Reader::get(const std::string& key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
    const cJSON* member = cJSON_GetObjectItemCaseSensitive(value_, key.c_str());
    return cJSON_IsNull(member) ? nullptr : member;
}

bool Reader::has(const std::string& key) {
    return get(key) != nullptr;
}

void Reader::problem(const std::string& key, std::string what) {
    findings_.add(member_path(path_, key), std::move(what));
}

void Reader::oddity(const std::string& key, std::string what) {
    findings_.oddities.push_back(mangrove::text(member_path(path_, key), ": ", what));
}

std::string Reader::text(const std::string& key, std::string fallback) {
    const cJSON* member = get(key);
    if (!member) return fallback;
    if (cJSON_IsString(member)) return member->valuestring;
    problem(key, mangrove::text("expected a string, found ", type_name(member)));
    return fallback;
}

std::string Reader::required_text(const std::string& key) {
    if (!has(key)) {
        problem(key, "is missing");
        return {};
    }
    std::string value = text(key);
    if (cJSON_IsString(get(key)) && value.empty()) problem(key, "is empty");
    return value;
}

bool Reader::boolean(const std::string& key, bool fallback) {
    const cJSON* member = get(key);
    if (!member) return fallback;
    if (cJSON_IsBool(member)) return cJSON_IsTrue(member);
    problem(key, mangrove::text("expected true or false, found ", type_name(member)));
    return fallback;
}

int64_t Reader::integer(const std::string& key, int64_t minimum, int64_t maximum, int64_t fallback) {
    const cJSON* member = get(key);
    if (!member) return fallback;
    if (!cJSON_IsNumber(member)) {
        problem(key, mangrove::text("expected a number, found ", type_name(member)));
        return fallback;
    }
    double value = member->valuedouble;
    if (!std::isfinite(value)) return fallback; // the scanner has said so
    if (value != std::floor(value)) {
        problem(key, "expected a whole number");
        return fallback;
    }
    if (value < static_cast<double>(minimum) || value > static_cast<double>(maximum)) {
        problem(key, mangrove::text("is out of range (", minimum, " to ", maximum, ")"));
        return fallback;
    }
    return static_cast<int64_t>(value);
}

std::vector<std::string> Reader::texts(const std::string& key) {
    const cJSON* member = get(key);
    if (!member) return {};
    if (!cJSON_IsArray(member)) {
        problem(key, mangrove::text("expected a list of strings, found ", type_name(member)));
        return {};
    }
    std::vector<std::string> values;
    size_t index = 0;
    const cJSON* element = nullptr;
    cJSON_ArrayForEach(element, member) {
        if (cJSON_IsString(element) && *element->valuestring)
            values.emplace_back(element->valuestring);
        else if (cJSON_IsString(element))
            findings_.add(element_path(member_path(path_, key), index), "is empty");
        else
            findings_.add(element_path(member_path(path_, key), index),
                          mangrove::text("expected a string, found ", type_name(element)));
        ++index;
    }
    return values;
}

size_t Reader::choice(const std::string& key, const std::vector<std::string>& words, size_t fallback) {
    if (!has(key)) return fallback;
    std::string value = text(key);
    if (!cJSON_IsString(get(key))) return fallback;
    auto found = std::find(words.begin(), words.end(), value);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    std::string meant = did_you_mean(value, words);
    problem(key, mangrove::text("unknown ", key, " '", value, "'",
                                meant.empty() ? "; known: " + join(words, ", ") : meant));
    return fallback;
}

std::optional<Reader> Reader::object(const std::string& key, bool required) {
    const cJSON* member = get(key);
    if (!member) {
        if (required) problem(key, "is missing");
        return std::nullopt;
    }
    if (!cJSON_IsObject(member)) {
        problem(key, mangrove::text("expected an object, found ", type_name(member)));
        return std::nullopt;
    }
    return Reader(findings_, member, member_path(path_, key));
}

void Reader::ignore(const std::vector<std::string>& keys) {
    for (const std::string& key : keys)
        if (cJSON_GetObjectItemCaseSensitive(value_, key.c_str())) {
            findings_.meaningless.push_back(member_path(path_, key));
            known_.push_back(key);
        }
}

void Reader::finish() {
    const cJSON* member = nullptr;
    cJSON_ArrayForEach(member, value_) {
        std::string key = member->string ? member->string : "";
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        problem(key, "unknown key" + did_you_mean(key, known_));
    }
}

} // namespace mangrove::definition
