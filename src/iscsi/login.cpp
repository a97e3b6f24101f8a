#include "iscsi/login.h"

#include <algorithm>

#include "iscsi/login_status.h"

namespace mangrove::iscsi {

namespace {

constexpr unsigned kExchangesMax = 64;
constexpr size_t kTextMax = 65536;
constexpr size_t kNameMax = 223; // RFC 7143 section 4.2.7.2

constexpr uint32_t kMaxBurst = 16776192;
constexpr uint32_t kFirstBurst = 262144;
constexpr uint32_t kDataSegment = 262144;

std::string_view digest_word(Digest digest) {
    return digest == Digest::crc32c ? "CRC32C" : "None";
}

/// Answers that leave the key at its default.
bool is_no_value(std::string_view answer) {
    return answer == "Reject" || answer == "Irrelevant" || answer == "NotUnderstood";
}

/// Keys that the target states of its own accord and that want no answer.
bool is_statement(std::string_view key) {
    return key == "TargetPortalGroupTag" || key == "TargetAlias" || key == "TargetAddress"
           || key == "TargetName";
}

} // namespace

Login::Login(LoginOptions options) : options_(std::move(options)) {
    if (options_.chap) chap_.emplace(*options_.chap, options_.algorithms, options_.random);
}

Result<Pdu> Login::start() {
    bool is_normal = options_.type == SessionType::normal;
    for (const std::string& name : {options_.initiator, is_normal ? options_.target : options_.initiator})
        if (name.empty() || name.size() > kNameMax)
            return permanent_error("invalid iSCSI name '", printable(name), "': expected 1 to ", kNameMax,
                                   " bytes");
    TextKeys keys = names();
    if (!chap_) {
        // Without authentication the first PDU can say it all: one round trip less.
        add_operational_keys(keys);
        return request(Stage::operational, true, keys);
    }
    if (options_.chap->password == options_.chap->password_in && options_.chap->is_mutual())
        return permanent_error("CHAP: 'password' and 'password_in' must differ");
    awaiting_ = Awaiting::method;
    keys.add("AuthMethod", needs_chap() ? "CHAP" : "CHAP,None");
    return request(Stage::security, false, keys);
}

TextKeys Login::names() const {
    TextKeys keys;
    keys.add("InitiatorName", options_.initiator);
    bool is_normal = options_.type == SessionType::normal;
    if (is_normal) keys.add("TargetName", options_.target);
    keys.add("SessionType", is_normal ? "Normal" : "Discovery");
    return keys;
}

/// A target that lets in whoever comes is not the one that the password was given for. Who tells of targets
/// may do so: the target itself will have to ask.
bool Login::needs_chap() const {
    return options_.type == SessionType::normal;
}

void Login::add_operational_keys(TextKeys& keys) const {
    keys.add("HeaderDigest", digest_word(options_.header_digest));
    keys.add("DataDigest", digest_word(options_.data_digest));
    keys.add("DefaultTime2Wait", "2");
    keys.add("DefaultTime2Retain", "0");
    keys.add("ErrorRecoveryLevel", "0");
    keys.add("MaxRecvDataSegmentLength", text(kDataSegment));
    // A discovery session does not negotiate the keys below (RFC 7143 section 13).
    if (options_.type == SessionType::discovery) return;
    keys.add("IFMarker", "No");
    keys.add("OFMarker", "No");
    keys.add("InitialR2T", "No");
    keys.add("ImmediateData", "Yes");
    keys.add("MaxBurstLength", text(kMaxBurst));
    keys.add("FirstBurstLength", text(kFirstBurst));
    keys.add("MaxOutstandingR2T", "1");
    keys.add("MaxConnections", "1");
    keys.add("DataPDUInOrder", "Yes");
    keys.add("DataSequenceInOrder", "Yes");
}

Pdu Login::request(Stage stage, bool transit, const TextKeys& keys) {
    stage_ = stage;
    transit_ = transit;
    LoginRequest next;
    next.transit = transit;
    next.current_stage = stage;
    next.next_stage = stage == Stage::security ? Stage::operational : Stage::full_feature;
    next.isid = options_.isid;
    next.expected_status_number = expected_status_number_;
    next.text = keys.to_bytes();
    return to_pdu(next);
}

Result<LoginStep> Login::answer(const Pdu& pdu) {
    LoginResponse response = TRY(parse_login_response(pdu));
    expected_status_number_ = response.status_number + 1;
    if (response.status_class == kStatusRedirected) return TRY(parse_redirect(response, pdu.data));
    if (response.status_class != kStatusSuccess) return take_refusal(response);
    if (++exchanges_ > kExchangesMax)
        return permanent_error("the login did not finish after ", kExchangesMax, " PDUs");
    if (response.current_stage != static_cast<uint8_t>(stage_))
        return permanent_error("the target answered in stage ", response.current_stage, ", not ",
                               static_cast<unsigned>(stage_));

    if (partial_text_.size() + pdu.data.size() > kTextMax)
        return permanent_error("the target's login text is longer than ", kTextMax, " bytes");
    partial_text_.insert(partial_text_.end(), pdu.data.begin(), pdu.data.end());
    if (response.more_follows) return request(stage_, false, {});
    TextKeys keys = TRY(TextKeys::parse(std::exchange(partial_text_, {})));

    if (response.transit) {
        Stage next = stage_ == Stage::security ? Stage::operational : Stage::full_feature;
        if (!transit_ && awaiting_ != Awaiting::method)
            return permanent_error("the target changed the login stage unasked");
        if (response.next_stage != static_cast<uint8_t>(next))
            return permanent_error("the target changed to login stage ", response.next_stage, ", not ",
                                   static_cast<unsigned>(next));
    }
    if (std::optional<std::string> group = keys.value("TargetPortalGroupTag")) {
        std::optional<uint64_t> number = parse_number(*group);
        if (!number || *number > 65535)
            return permanent_error("the target sent TargetPortalGroupTag=", printable(*group));
        target_portal_group_ = static_cast<uint16_t>(*number);
    }
    return take_keys(response, keys);
}

Result<LoginStep> Login::take_refusal(const LoginResponse& response) const {
    Error error = refusal(response, chap_.has_value());
    bool chose_sha256 = chap_ && chap_->chosen() == ChapAlgorithm::sha256;
    if (chose_sha256 && options_.algorithms.size() > 1) return Sha256Refused{std::move(error)};
    return std::unexpected(std::move(error));
}

Result<LoginStep> Login::take_keys(const LoginResponse& response, const TextKeys& keys) {
    switch (awaiting_) {
    case Awaiting::method:
        return take_method(response, keys);
    case Awaiting::challenge: {
        TextKeys proof;
        TRY(chap_->answer(keys, proof));
        awaiting_ = Awaiting::proof;
        return request(Stage::security, true, proof);
    }
    case Awaiting::proof:
        return take_proof(response, keys);
    case Awaiting::end_of_security:
        return continue_security(response);
    case Awaiting::end_of_login:
        return take_operational(response, keys);
    }
    return permanent_error("the login is in no state");
}

Result<LoginStep> Login::take_method(const LoginResponse& response, const TextKeys& keys) {
    std::string method = keys.value("AuthMethod").value_or(response.transit ? "None" : "");
    if (method == "CHAP" && !response.transit) {
        TextKeys offer;
        chap_->offer(offer);
        awaiting_ = Awaiting::challenge;
        return request(Stage::security, false, offer);
    }
    if (method == "None" && needs_chap())
        return permanent_error(
            "the target requires no authentication (AuthMethod=None), but the definition has "
            "'chap'; enable CHAP on the target or remove 'chap'");
    if (method != "None")
        return permanent_error("the target does not support CHAP: it answered AuthMethod=",
                               printable(method));
    return continue_security(response);
}

Result<LoginStep> Login::take_proof(const LoginResponse& response, const TextKeys& keys) {
    TRY(chap_->verify(keys));
    return continue_security(response);
}

Pdu Login::continue_security(const LoginResponse& response) {
    TextKeys keys;
    if (!response.transit) {
        awaiting_ = Awaiting::end_of_security;
        return request(Stage::security, true, keys);
    }
    awaiting_ = Awaiting::end_of_login;
    add_operational_keys(keys);
    return request(Stage::operational, true, keys);
}

Result<LoginStep> Login::take_operational(const LoginResponse& response, const TextKeys& keys) {
    TextKeys offered;
    add_operational_keys(offered);
    TextKeys replies;
    for (const TextKey& pair : keys.all()) {
        if (is_statement(pair.key)) continue;
        if (!offered.value(pair.key)) {
            if (!is_no_value(pair.value)) replies.add(pair.key, "NotUnderstood");
            continue;
        }
        if (!answers_.emplace(pair.key, pair.value).second)
            return permanent_error("the target sent ", pair.key, " twice");
    }
    if (!response.transit) {
        Pdu next = request(Stage::operational, true, replies);
        if (next.data.size() > kLoginDataMax)
            return permanent_error("the target offers too many unknown keys");
        return next;
    }
    if (response.session_handle == 0 && options_.type == SessionType::normal)
        return permanent_error("the target gave the session no handle (TSIH 0)");
    return TRY(settle());
}

Result<Negotiated> Login::settle() const {
    Negotiated agreed;
    agreed.expected_status_number = expected_status_number_;
    if (chap_) agreed.chap = chap_->chosen();
    agreed.target_portal_group = target_portal_group_;
    agreed.header_digest = TRY(settled_digest("HeaderDigest", options_.header_digest));
    agreed.data_digest = TRY(settled_digest("DataDigest", options_.data_digest));
    agreed.max_receive_data_segment = kDataSegment;
    agreed.max_transmit_data_segment =
        TRY(settled_number("MaxRecvDataSegmentLength", agreed.max_transmit_data_segment));
    agreed.max_burst = std::min(kMaxBurst, TRY(settled_number("MaxBurstLength", agreed.max_burst)));
    // START_CONN refuses a first burst that is longer than a burst.
    agreed.first_burst = std::min(
        {kFirstBurst, agreed.max_burst, TRY(settled_number("FirstBurstLength", agreed.first_burst))});
    agreed.initial_r2t = TRY(settled_flag("InitialR2T", agreed.initial_r2t));
    agreed.immediate_data = TRY(settled_flag("ImmediateData", agreed.immediate_data));
    return agreed;
}

Result<Digest> Login::settled_digest(std::string_view key, Digest wanted) const {
    auto answer = answers_.find(std::string(key));
    std::string_view word = answer == answers_.end() ? "None" : std::string_view(answer->second);
    if (word == digest_word(wanted)) return wanted;
    if (wanted == Digest::none && is_no_value(word)) return wanted;
    return permanent_error("the target does not support ", key, "=", digest_word(wanted), ": it answered ",
                           printable(word));
}

Result<uint32_t> Login::settled_number(std::string_view key, uint32_t otherwise) const {
    constexpr uint32_t kLengthMin = 512;
    constexpr uint32_t kLengthMax = (1 << 24) - 1;
    auto answer = answers_.find(std::string(key));
    if (answer == answers_.end() || is_no_value(answer->second)) return otherwise;
    std::string_view digits = answer->second;
    bool is_hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
    std::optional<uint64_t> number =
        is_hexadecimal ? parse_number(digits.substr(2), 16) : parse_number(digits);
    if (!number || *number < kLengthMin || *number > kLengthMax)
        return permanent_error("the target answered ", key, "=", printable(digits));
    return static_cast<uint32_t>(*number);
}

Result<bool> Login::settled_flag(std::string_view key, bool otherwise) const {
    auto answer = answers_.find(std::string(key));
    if (answer == answers_.end() || is_no_value(answer->second)) return otherwise;
    if (answer->second == "Yes") return true;
    if (answer->second == "No") return false;
    return permanent_error("the target answered ", key, "=", printable(answer->second));
}

} // namespace mangrove::iscsi
