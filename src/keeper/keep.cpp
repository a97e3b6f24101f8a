#include "keeper/keep.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "keeper/state_file.h"
#include "machine/backoff.h"

namespace mangrove {

namespace {

constexpr seconds kLookAgain{10};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{8000};
constexpr unsigned kMissesToTell = 2; ///< once may be a matter of the moment
constexpr seconds kLongEnough{30};    ///< that a connection held for the next loss to be another matter

class Keeper {
  public:
    Keeper(System& system, WatchedConnection& connection, const std::string& state_path)
        : system_(system), connection_(connection), state_path_(state_path),
          backoff_(system, kFirstPause, kLongestPause) {
        state_.name = connection.name();
        state_.since = system.now();
        state_.seen = system.now();
    }

    void run(Deadline end) {
        write_state();
        while (system_.now() < end) {
            auto loss = connection_.wait_for_loss(system_, system_.now() + kLookAgain);
            if (!loss) {
                miss(loss.error());
                continue;
            }
            see();
            if (*loss) restore(**loss);
        }
    }

  private:
    /// The kernel does not tell of the connection. It may do so again, so there is no end to this.
    void miss(const Error& error) {
        if (++misses_ == kMissesToTell)
            log_line(LogLevel::error, text("UNPROTECTED: the keeper cannot see the ", state_.name, ": ",
                                           error.what, "; a lost connection will not be restored"));
        if (misses_ >= kMissesToTell) become("not seen");
        state_.reason = error.what;
        write_state();
        system_.sleep(kLookAgain);
    }

    void see() {
        if (misses_ >= kMissesToTell) log_warning("the keeper sees the ", state_.name, " again");
        if (std::exchange(misses_, 0) > 0) state_.reason.clear();
        become("connected");
        state_.seen = system_.now();
        write_state();
    }

    void restore(const std::string& loss) {
        Time begin = system_.now();
        ++state_.losses;
        state_.tries = 0;
        become("lost");
        note(loss);
        wait_if_it_did_not_hold(begin);
        for (;;) {
            if (connection_.managed_elsewhere(system_)) {
                if (wait_for_the_other()) break;
                continue;
            }
            ++state_.tries;
            Result<> reconnected = connection_.reconnect(system_);
            state_.longest_loss = std::max(state_.longest_loss, system_.now() - begin);
            if (reconnected) break;
            note(reconnected.error().what);
            pause();
        }
        back_since_ = system_.now();
        see();
        log_line(LogLevel::warning, text("the ", state_.name, " is back after ",
                                         std::chrono::ceil<seconds>(system_.now() - begin).count(), " s"));
    }

    /// True when the connection is back.
    bool wait_for_the_other() {
        become("kept by another program");
        write_state();
        system_.sleep(kLookAgain);
        auto loss = connection_.wait_for_loss(system_, system_.now());
        return loss && !*loss;
    }

    void become(const std::string& now) {
        if (state_.now != now) state_.since = system_.now();
        state_.now = now;
    }

    /// Says what is new, and not what is tried again and again.
    void note(const std::string& reason) {
        bool is_new = reason != state_.reason || state_.tries == 0;
        state_.reason = reason;
        write_state();
        if (is_new) log_warning("the ", state_.name, " is lost: ", reason, "; reconnecting");
    }

    /// Two nodes with one name throw each other out, and a target can drop whoever has just logged in.
    void wait_if_it_did_not_hold(Time lost_at) {
        bool held = !back_since_ || lost_at - *back_since_ >= kLongEnough;
        if (held)
            backoff_.reset();
        else
            pause();
    }

    void pause() {
        if (Result<> waited = backoff_.wait(); !waited) system_.sleep(kLongestPause);
    }

    void write_state() { write_state_file(system_, state_path_, state_); }

    System& system_;
    WatchedConnection& connection_;
    std::string state_path_;
    ConnectionState state_;
    Backoff backoff_; ///< starts again when the connection held
    std::optional<Time> back_since_;
    unsigned misses_ = 0; ///< in a row
};

} // namespace

void keep(System& system, WatchedConnection& connection, const std::string& state_path, Deadline end) {
    Keeper(system, connection, state_path).run(end);
}

} // namespace mangrove
