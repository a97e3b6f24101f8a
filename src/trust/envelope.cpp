#include "trust/envelope.h"

#include <algorithm>
#include <iterator>

#include "base/excerpt.h"
#include "base/json.h"
#include "definition/encoding.h"
#include "definition/scanner.h"
#include "trust/node_files.h"

namespace mangrove::trust {

namespace {

constexpr const char* kSigned = "signed";
constexpr const char* kSignature = "signature";
constexpr const char* kNode = "node";
constexpr std::string_view kFreeKeys[] = {"hostname", "report", "health", "release", kOwnFiles};

Json parse_object(std::string_view written) {
    Json json(cJSON_ParseWithLength(written.data(), written.size()));
    return cJSON_IsObject(json.get()) ? std::move(json) : nullptr;
}

bool is_object(std::string_view written) {
    return trim(written).starts_with("{");
}

Result<> check_keys(const cJSON* envelope) {
    const std::vector<std::string> known = {kSigned, kSignature, kNode};
    const cJSON* member = nullptr;
    cJSON_ArrayForEach(member, envelope) {
        bool is_wrong =
            std::string_view(member->string) == kNode ? !cJSON_IsObject(member) : !cJSON_IsString(member);
        if (std::ranges::find(known, member->string) == known.end())
            return permanent_error("envelope: unknown key '", excerpt(member->string), "'",
                                   did_you_mean(member->string, known));
        if (is_wrong)
            return permanent_error("envelope: ", member->string, ": expected ",
                                   std::string_view(member->string) == kNode ? "an object" : "a string");
    }
    return {};
}

} // namespace

bool is_envelope(std::string_view written) {
    Json json = parse_object(written);
    return json && cJSON_GetObjectItemCaseSensitive(json.get(), kSigned);
}

Result<Envelope> open_envelope(std::string_view written) {
    if (!is_envelope(written)) return Envelope{.definition = std::string(written)};
    definition::Scan scanned = definition::scan(written);
    if (!scanned.problems.empty()) return permanent_error("envelope: ", scanned.problems.front().to_text());
    Json json = parse_object(written);
    TRY(check_keys(json.get()));
    Envelope envelope;
    envelope.definition = text_at(json.get(), kSigned);
    if (!is_object(envelope.definition)) {
        envelope.definition = TRY(definition::decode(envelope.definition), "reading what the envelope holds");
        bool is_definition =
            is_object(envelope.definition) && definition::scan(envelope.definition).problems.empty();
        if (!is_definition)
            return permanent_error(
                "envelope: signed: is not JSON; sign the definition with mangrovectl sign");
    }
    envelope.signature = text_at(json.get(), kSignature);
    if (Json additions{cJSON_DetachItemFromObjectCaseSensitive(json.get(), kNode)})
        envelope.additions = print_json(additions);
    return envelope;
}

std::string envelope_text(const Envelope& envelope) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), kSigned, envelope.definition.c_str());
    cJSON_AddStringToObject(json.get(), kSignature, envelope.signature.c_str());
    if (!envelope.additions.empty())
        cJSON_AddItemToObject(json.get(), kNode, cJSON_Parse(envelope.additions.c_str()));
    return print_json(json);
}

Result<std::string> with_additions(const Envelope& envelope) {
    if (envelope.additions.empty()) return envelope.definition;
    Json additions = parse_object(envelope.additions);
    Json definition = parse_object(envelope.definition);
    if (!definition || !definition::scan(envelope.definition).problems.empty()) return envelope.definition;
    while (cJSON* member = additions->child) {
        std::string key = member->string;
        if (std::ranges::find(kFreeKeys, key) == std::end(kFreeKeys))
            return permanent_error(
                "node.", excerpt(key),
                ": only hostname, report, health and release may be added to a signed definition; "
                "sign it with this key");
        Json value(cJSON_DetachItemViaPointer(additions.get(), member));
        if (!cJSON_GetObjectItemCaseSensitive(definition.get(), key.c_str()))
            cJSON_AddItemToObject(definition.get(), key.c_str(), value.release());
    }
    return print_json(definition);
}

} // namespace mangrove::trust
