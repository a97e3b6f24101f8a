#include "tpm/tpm.h"
#include "base/json.h"
#include "definition/base64.h"
#include "net/fetch.h"
#include "net/node_url.h"
#include "net/url.h"
#include "source/source.h"
#include "trust/sealed.h"

// The source `tpm:https://…`: a definition that the server has encrypted to the TPM of this node. The node
// posts the public parts of two keys of its TPM and gets a credential, which its TPM alone decrypts, and the
// definition, encrypted with the key in it (docs/trust.md, "Definitions for one TPM").

namespace mangrove {

namespace {

constexpr std::string_view kScheme = "tpm:";
constexpr size_t kLargestAnswer = 2 << 20;
constexpr seconds kTimeToFetch{60};
constexpr seconds kTimeToAppear{5};

Result<> need_tpm(System& system) {
    if (tpm::has_tpm(system)) return {};
    // Where they are modules. Another bus than these two is for its own driver.
    for (const char* module : {"tpm_tis", "tpm_crb"})
        static_cast<void>(system.load_module(module));
    auto has_appeared = [&] { return tpm::has_tpm(system); };
    if (TRY(wait_until(system, system.now() + kTimeToAppear, has_appeared))) return {};
    return permanent_error("this machine has no TPM 2.0 (", tpm::kDevice, ")");
}

std::string keys_of(const tpm::Session& session) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "endorsement_key",
                            definition::to_base64(as_bytes(session.endorsement_key())).c_str());
    cJSON_AddStringToObject(json.get(), "named_key",
                            definition::to_base64(as_bytes(session.named_key())).c_str());
    return print_json(json);
}

Result<std::string> decrypt(const tpm::Session& session, const std::string& answer) {
    Json json(cJSON_ParseWithLength(answer.data(), answer.size()));
    auto part = [&](const char* key) {
        return definition::from_base64(text_at(json.get(), key)).value_or("");
    };
    std::string blob = part("credential"), secret = part("secret"), sealed = part("sealed");
    if (blob.empty() || secret.empty() || sealed.empty())
        return permanent_error("the answer is not JSON with credential, secret and sealed in base64");
    std::string key = TRY(session.decrypt({blob, secret}));
    return trust::unseal(key, sealed);
}

} // namespace

Result<Found> find_by_tpm(Search& search, const std::string& source) {
    System& system = search.boot.system;
    TRY(need_network(search));
    std::string filled = TRY(node_url(system, search.boot.network, source.substr(kScheme.size())),
                             "filling in ", shown_source(source));
    Url url = TRY(Url::parse(filled), "reading ", shown_source(source));
    TRY(need_tpm(system));
    tpm::Session session = TRY(tpm::Session::open(system), "using the TPM");
    std::string answer = TRY(post_for_answer(
        system, filled,
        {.json = keys_of(session), .time_limit = kTimeToFetch, .most_of_answer = kLargestAnswer}));
    note_bytes(search.boot.timeline, answer.size());
    Found found;
    found.text = TRY(decrypt(session, answer), "reading what ", url.shown(), " sent for this TPM");
    found.origin = url.shown();
    return found;
}

} // namespace mangrove
