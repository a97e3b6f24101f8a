#pragma once

#include <deque>
#include <functional>
#include <map>

#include "system/fake/transcript.h"
#include "system/iscsi_transport.h"

namespace mangrove {

/// The target behind the fake transport: what it is called, whom it lets in and how it misbehaves.
struct FakeIscsiTarget {
    std::string name = "iqn.2026-11.org.example:image";
    std::string username; ///< not empty: it wants CHAP
    std::string password;
    std::string username_in; ///< what it proves itself with
    std::string password_in;
    unsigned chap_algorithm = 7;
    bool takes_sha256_for_sha1 = false; ///< as tgt does: refuses the answer with 0300
    std::vector<std::string> redirects; ///< a login is answered with the first of them, which is used up
    std::string endless_redirect;       ///< every login is sent there
    std::optional<unsigned>
        closes_at; ///< the login PDU (from 0) that it answers with the end of the connection
    std::optional<unsigned> is_silent_at; ///< the login PDU (from 0) that it does not answer
    std::optional<uint16_t> status;       ///< of every login: 0x0301
    bool never_ends = false;              ///< answers every login PDU with an empty one
};

/// The kernel's initiator in memory, connected to one target whatever the address. Holds to the kernel's
/// order: a connection has to be bound to take a parameter, and stopped to be destroyed.
class FakeIscsiTransport : public IscsiTransport {
  public:
    explicit FakeIscsiTransport(Transcript& transcript) : transcript_(transcript) {}

    FakeIscsiTarget target;
    /// Runs when a connection is started and when its session goes: the disks appear and vanish.
    std::function<void(IscsiSessionNumber)> when_started = [](IscsiSessionNumber) {};
    std::function<void(IscsiSessionNumber)> when_destroyed = [](IscsiSessionNumber) {};
    /// Runs for each wait, before the event is looked at: the clock moves on. False when the deadline passed.
    std::function<bool(Deadline)> when_waiting = [](Deadline) { return true; };

    size_t session_count() const { return sessions_.size(); }
    /// Returns the parameters of the last session, also when that is gone.
    const std::map<IscsiParameter, std::string>& parameters() const { return parameters_; }
    /// The keys of all login PDUs that the target got, in their order: "AuthMethod=CHAP".
    const std::vector<std::string>& received_keys() const { return received_keys_; }
    void add_event(IscsiEvent event) { events_.push_back(std::move(event)); }

    Result<IscsiSessionNumber> create_session(uint32_t initial_command_number, uint16_t commands_max,
                                              uint16_t queue_depth) override;
    Result<> destroy_session(uint32_t session) override;
    Result<> create_connection(IscsiConnectionId connection) override;
    Result<> destroy_connection(IscsiConnectionId connection) override;
    Result<> bind_connection(IscsiConnectionId connection, int socket) override;
    Result<> set_parameter(IscsiConnectionId connection, IscsiParameter parameter,
                           std::string_view value) override;
    Result<> start_connection(IscsiConnectionId connection) override;
    Result<> stop_connection(IscsiConnectionId connection, IscsiStop stop) override;
    Result<> send_pdu(IscsiConnectionId connection, ByteView header, ByteView data) override;
    Result<std::optional<IscsiEvent>> next_event(Deadline deadline) override;

  private:
    enum class ConnectionState { none, down, bound, started };
    struct Session {
        IscsiSessionNumber number;
        ConnectionState connection = ConnectionState::none;
        unsigned login_pdus = 0;
        bool is_authenticated = false;
        unsigned chap_algorithm = 0;
    };
    using Keys = std::map<std::string, std::string>;
    struct Answer {
        uint16_t status = 0;
        bool transit = false;
        std::string text = {};
    };
    Result<Session*> find(IscsiConnectionId connection, const std::string& operation);
    Result<Session*> find_bound(IscsiConnectionId connection, const std::string& operation);
    void answer_login(Session& session, ByteView header, const Keys& keys);
    Answer answer_to(Session& session, unsigned stage, bool transit, const Keys& keys);
    Answer answer_security(Session& session, bool transit, const Keys& keys);
    Answer answer_proof(Session& session, const Keys& keys) const;
    void add_pdu(const Session& session, Bytes header, std::string_view data);
    void close(const Session& session);

    Transcript& transcript_;
    std::map<uint32_t, Session> sessions_;
    std::map<IscsiParameter, std::string> parameters_;
    std::vector<std::string> received_keys_;
    std::deque<IscsiEvent> events_;
    uint32_t next_id_ = 1;
};

} // namespace mangrove
