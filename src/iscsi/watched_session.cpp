#include "iscsi/watched_session.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "iscsi/pdu.h"
#include "machine/processes.h"

namespace mangrove::iscsi {

namespace {

class WatchedSession : public WatchedConnection {
  public:
    WatchedSession(LoginTarget target, Session session)
        : target_(std::move(target)), session_(std::move(session)) {}

    std::string name() const override { return text("iSCSI target ", target_.target); }

    Result<> be_patient(System& system) override {
        return system.iscsi_transport().set_parameter(session_.connection, IscsiParameter::recovery_timeout,
                                                      text(target_.replacement_timeout.count()));
    }

    Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) override {
        for (;;) {
            // The event may have come while nobody listened.
            std::string state =
                TRY(system.read_file(text("/sys/class/iscsi_session/session", session_.number.id, "/state")));
            bool is_lost = trim(state) != "LOGGED_IN";
            if (!is_lost && !session_.unit) session_.unit = find_unit(system, session_);
            // It says why.
            std::optional<IscsiEvent> event =
                TRY(system.iscsi_transport().next_event(is_lost ? system.now() : deadline));
            if (!event && is_lost) return text("the session is ", trim(state));
            if (!event) return std::nullopt;
            if (event->connection != session_.connection) continue;
            if (event->kind == IscsiEvent::Kind::connection_error) return iscsi_error_text(event->error);
            if (event->kind != IscsiEvent::Kind::pdu_received) continue;
            if (hear({event->header, event->data}, system.now()) == Wish::leave)
                return "the target asked for a logout";
        }
    }

    bool managed_elsewhere(System& system) override { return does_root_run(system, "iscsid"); }

    Result<> reconnect(System& system) override {
        if (milliseconds left = std::chrono::ceil<milliseconds>(not_before_ - system.now()); left.count() > 0)
            system.sleep(left);
        TRY(log_in_again(system, target_, session_));
        suspect_twin(system.now());
        return {};
    }

    Result<> give_up(System& system) override { return drop(system, session_); }

  private:
    enum class Wish { none, leave };

    /// A target that is about to drop the connection says how long it wants to be left alone then.
    Wish hear(const Pdu& pdu, Time now) {
        constexpr seconds kWaitMax{60};
        std::optional<AsyncMessage> message = parse_async_message(pdu);
        if (!message || message->event == AsyncMessage::Event::other) return Wish::none;
        not_before_ = now + std::min(message->time_to_wait, kWaitMax);
        return message->event == AsyncMessage::Event::leave ? Wish::leave : Wish::none;
    }

    /// A target throws out the first of two machines with one name (RFC 7143 section 6.3.5), which comes back
    /// and throws out the second.
    void suspect_twin(Time now) {
        constexpr seconds kSoon{30};
        constexpr unsigned kOften = 3;
        quick_logins_ = now - logged_in_at_ < kSoon ? quick_logins_ + 1 : 0;
        logged_in_at_ = now;
        if (quick_logins_ == kOften)
            log_warning("the ", name(),
                        " keeps dropping this machine: another machine may have the same "
                        "initiator name ",
                        target_.initiator, "; give each its own 'initiator'");
    }

    LoginTarget target_;
    Session session_;
    Time logged_in_at_ = {};
    unsigned quick_logins_ = 0; ///< in a row, soon after the one before
    Time not_before_ = {};
};

} // namespace

std::shared_ptr<WatchedConnection> watch_session(LoginTarget target, Session session) {
    return std::make_shared<WatchedSession>(std::move(target), std::move(session));
}

} // namespace mangrove::iscsi
