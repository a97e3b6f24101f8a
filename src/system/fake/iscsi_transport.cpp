#include "system/fake/iscsi_transport.h"

#include <cerrno>
#include <mbedtls/md.h>

namespace mangrove {

namespace {

constexpr uint8_t kLoginRequest = 0x43;
constexpr uint8_t kLogoutRequest = 0x46;
constexpr uint8_t kLoginResponse = 0x23;
constexpr uint8_t kLogoutResponse = 0x26;
constexpr uint8_t kTransit = 0x80;
constexpr unsigned kSecurityStage = 0;
constexpr std::string_view kChallenge = "a challenge of the target";
constexpr uint8_t kChapIdentifier = 42;

std::string chap_answer(unsigned algorithm, uint8_t identifier, std::string_view secret,
                        std::string_view challenge) {
    const mbedtls_md_info_t* hash =
        mbedtls_md_info_from_type(algorithm == 5 ? MBEDTLS_MD_MD5 : MBEDTLS_MD_SHA256);
    std::string message = text(static_cast<char>(identifier), secret, challenge);
    Bytes digest(mbedtls_md_get_size(hash));
    mbedtls_md(hash, reinterpret_cast<const uint8_t*>(message.data()), message.size(), digest.data());
    return "0x" + hex(digest);
}

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (size_t i = 2; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(parse_number(digits.substr(i, 2), 16).value_or(0));
    return bytes;
}

std::string value_of(const std::map<std::string, std::string>& keys, const std::string& key) {
    auto found = keys.find(key);
    return found == keys.end() ? std::string() : found->second;
}

std::string pair(std::string_view key, std::string_view value) {
    return text(key, "=", value, '\0');
}

} // namespace

Result<FakeIscsiTransport::Session*> FakeIscsiTransport::find(IscsiConnectionId connection,
                                                              const std::string& operation) {
    auto found = sessions_.find(connection.session);
    if (found == sessions_.end() || found->second.connection == ConnectionState::none)
        return system_error(EINVAL, operation);
    return &found->second;
}

Result<FakeIscsiTransport::Session*> FakeIscsiTransport::find_bound(IscsiConnectionId connection,
                                                                    const std::string& operation) {
    Session* session = TRY(find(connection, operation));
    if (session->connection == ConnectionState::down) return system_error(ENOTCONN, operation);
    return session;
}

Result<IscsiSessionNumber> FakeIscsiTransport::create_session(uint32_t, uint16_t commands_max,
                                                              uint16_t queue_depth) {
    TRY(transcript_.record(
        text("creating an iSCSI session, ", commands_max, " commands, depth ", queue_depth)));
    uint32_t id = next_id_++;
    sessions_[id].number = {id, id + 1};
    parameters_.clear();
    return sessions_[id].number;
}

Result<> FakeIscsiTransport::destroy_session(uint32_t session) {
    std::string operation = text("destroying the iSCSI session ", session);
    TRY(transcript_.record(operation));
    auto found = sessions_.find(session);
    if (found == sessions_.end()) return system_error(EINVAL, operation);
    if (found->second.connection != ConnectionState::none) return system_error(EBUSY, operation);
    when_destroyed(found->second.number);
    sessions_.erase(found);
    return {};
}

Result<> FakeIscsiTransport::create_connection(IscsiConnectionId connection) {
    std::string operation = text("creating the connection of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    auto found = sessions_.find(connection.session);
    if (found == sessions_.end()) return system_error(EINVAL, operation);
    found->second.connection = ConnectionState::down;
    return {};
}

Result<> FakeIscsiTransport::destroy_connection(IscsiConnectionId connection) {
    std::string operation = text("destroying the connection of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    Session* session = TRY(find(connection, operation));
    if (session->connection != ConnectionState::down) return system_error(EBUSY, operation);
    session->connection = ConnectionState::none;
    return {};
}

Result<> FakeIscsiTransport::bind_connection(IscsiConnectionId connection, int) {
    std::string operation = text("binding the connection of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    Session* session = TRY(find(connection, operation));
    session->connection = ConnectionState::bound;
    return {};
}

Result<> FakeIscsiTransport::set_parameter(IscsiConnectionId connection, IscsiParameter parameter,
                                           std::string_view value) {
    std::string operation = text("setting ", iscsi_parameter_name(parameter));
    TRY(transcript_.record(operation));
    TRY(find_bound(connection, operation));
    parameters_[parameter] = value;
    return {};
}

Result<> FakeIscsiTransport::start_connection(IscsiConnectionId connection) {
    std::string operation = text("starting the connection of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    Session* session = TRY(find_bound(connection, operation));
    session->connection = ConnectionState::started;
    when_started(session->number);
    return {};
}

Result<> FakeIscsiTransport::stop_connection(IscsiConnectionId connection, IscsiStop) {
    std::string operation = text("stopping the connection of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    Session* session = TRY(find(connection, operation));
    *session = {.number = session->number, .connection = ConnectionState::down};
    return {};
}

Result<> FakeIscsiTransport::send_pdu(IscsiConnectionId connection, ByteView header, ByteView data) {
    std::string operation = text("sending a PDU of the iSCSI session ", connection.session);
    TRY(transcript_.record(operation));
    Session* session = TRY(find_bound(connection, operation));
    if (header.size() != 48) return system_error(EINVAL, operation);
    if (header[0] == kLogoutRequest) {
        add_pdu(*session, {kLogoutResponse}, {});
        return {};
    }
    if (header[0] != kLoginRequest) return system_error(EINVAL, operation);
    Keys keys;
    for (const std::string& word : split({reinterpret_cast<const char*>(data.data()), data.size()}, '\0')) {
        if (word.empty()) continue;
        received_keys_.push_back(word);
        keys[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    }
    answer_login(*session, header, keys);
    return {};
}

Result<std::optional<IscsiEvent>> FakeIscsiTransport::next_event(Deadline deadline) {
    TRY(transcript_.record("waiting for the iSCSI target"));
    if (!when_waiting(deadline) || events_.empty()) return std::nullopt;
    IscsiEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
}

void FakeIscsiTransport::add_pdu(const Session& session, Bytes header, std::string_view data) {
    header.resize(48);
    IscsiEvent event;
    event.kind = IscsiEvent::Kind::pdu_received;
    event.connection = {session.number.id, 0};
    event.header = std::move(header);
    event.data.assign(data.begin(), data.end());
    events_.push_back(std::move(event));
}

void FakeIscsiTransport::close(const Session& session) {
    events_.push_back({IscsiEvent::Kind::connection_error, {session.number.id, 0}, 1020, {}, {}});
}

void FakeIscsiTransport::answer_login(Session& session, ByteView header, const Keys& keys) {
    unsigned number = session.login_pdus++;
    if (target.is_silent_at == number) return;
    if (target.closes_at == number) return close(session);
    unsigned stage = (header[1] >> 2) & 3;
    Answer answer = answer_to(session, stage, (header[1] & kTransit) != 0, keys);
    Bytes response(48);
    response[0] = kLoginResponse;
    response[1] = static_cast<uint8_t>(stage << 2);
    if (answer.transit) response[1] |= kTransit | (stage == kSecurityStage ? 1 : 3);
    response[15] = 1;
    response[27] = static_cast<uint8_t>(number);
    response[36] = static_cast<uint8_t>(answer.status >> 8);
    response[37] = static_cast<uint8_t>(answer.status);
    add_pdu(session, std::move(response), answer.text);
    if (answer.status != 0) close(session);
}

FakeIscsiTransport::Answer FakeIscsiTransport::answer_to(Session& session, unsigned stage, bool transit,
                                                         const Keys& keys) {
    if (target.status) return {.status = *target.status};
    if (target.never_ends) return {};
    if (!target.endless_redirect.empty())
        return {.status = 0x0101, .text = pair("TargetAddress", target.endless_redirect)};
    if (!target.redirects.empty()) {
        std::string address = target.redirects.front();
        target.redirects.erase(target.redirects.begin());
        return {.status = 0x0101, .text = pair("TargetAddress", address)};
    }
    if (keys.contains("TargetName") && value_of(keys, "TargetName") != target.name) return {.status = 0x0203};
    if (stage == kSecurityStage) return answer_security(session, transit, keys);
    if (!target.username.empty() && !session.is_authenticated) return {.status = 0x0201};
    return {.transit = transit,
            .text = pair("TargetPortalGroupTag", "1") + pair("HeaderDigest", value_of(keys, "HeaderDigest"))
                    + pair("DataDigest", value_of(keys, "DataDigest")) + pair("InitialR2T", "No")
                    + pair("ImmediateData", "Yes") + pair("MaxBurstLength", "262144")
                    + pair("FirstBurstLength", "65536") + pair("MaxRecvDataSegmentLength", "65536")};
}

FakeIscsiTransport::Answer FakeIscsiTransport::answer_security(Session& session, bool transit,
                                                               const Keys& keys) {
    if (keys.contains("CHAP_R")) {
        Answer answer = answer_proof(session, keys);
        session.is_authenticated = answer.status == 0;
        return answer;
    }
    if (keys.contains("CHAP_A")) {
        for (const std::string& offered : split(value_of(keys, "CHAP_A"), ','))
            if (session.chap_algorithm == 0 && (offered == "5" || offered == text(target.chap_algorithm)))
                session.chap_algorithm = offered == "5" ? 5 : target.chap_algorithm;
        return {.text = pair("CHAP_A", text(session.chap_algorithm)) + pair("CHAP_I", text(kChapIdentifier))
                        + pair("CHAP_C", "0x" + hex(as_bytes(kChallenge)))};
    }
    if (!keys.contains("AuthMethod")) return {.transit = transit};
    if (target.username.empty()) return {.transit = transit, .text = pair("AuthMethod", "None")};
    if (!value_of(keys, "AuthMethod").starts_with("CHAP")) return {.status = 0x0201};
    return {.text = pair("AuthMethod", "CHAP") + pair("TargetPortalGroupTag", "1")};
}

FakeIscsiTransport::Answer FakeIscsiTransport::answer_proof(Session& session, const Keys& keys) const {
    if (target.takes_sha256_for_sha1 && session.chap_algorithm == 7) return {.status = 0x0300};
    std::string expected = chap_answer(session.chap_algorithm, kChapIdentifier, target.password, kChallenge);
    if (value_of(keys, "CHAP_N") != target.username || value_of(keys, "CHAP_R") != expected)
        return {.status = 0x0201};
    if (!keys.contains("CHAP_I")) return {.transit = true};
    auto identifier = static_cast<uint8_t>(parse_number(value_of(keys, "CHAP_I")).value_or(0));
    return {.transit = true,
            .text = pair("CHAP_N", target.username_in)
                    + pair("CHAP_R", chap_answer(session.chap_algorithm, identifier, target.password_in,
                                                 from_hex(value_of(keys, "CHAP_C"))))};
}

} // namespace mangrove
