#include "keeper/keep.h"

#include <algorithm>
#include <cerrno>

#include "base/json.h"
#include "base/log.h"

namespace mangrove {

namespace {

constexpr seconds kLookAgain{10};
constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestPause{8000};
constexpr seconds kLongEnough{30}; ///< that a connection held for the next loss to be another matter

/// What the running system is told of a charge (docs/keeper.md).
struct State {
    std::string name;
    std::string now = "connected";
    unsigned losses = 0;
    unsigned tries = 0; ///< since the last loss
    std::string reason; ///< of the last loss, then of the last try that failed
    Clock::duration longest_loss{0};
    Time since = {}; ///< it is as it is `now`
};

/// The process that looks after it; 0 when procfs does not tell.
uint64_t own_process(System& system) {
    Result<std::string> self = system.read_link("/proc/self");
    return self ? parse_number(*self).value_or(0) : 0;
}

std::string to_json(const State& state, uint64_t process) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "name", state.name.c_str());
    cJSON_AddStringToObject(json.get(), "state", state.now.c_str());
    cJSON_AddNumberToObject(json.get(), "losses", state.losses);
    cJSON_AddNumberToObject(json.get(), "tries", state.tries);
    cJSON_AddNumberToObject(json.get(), "longest_loss_seconds", in_seconds(state.longest_loss));
    cJSON_AddNumberToObject(json.get(), "since", in_seconds(state.since - Time()));
    cJSON_AddNumberToObject(json.get(), "process", static_cast<double>(process));
    if (!state.reason.empty()) cJSON_AddStringToObject(json.get(), "reason", state.reason.c_str());
    return print_json(json) + "\n";
}

class Keeper {
  public:
    Keeper(System& system, Charge& charge, const std::string& state_path)
        : system_(system), charge_(charge), state_path_(state_path) {
        state_.name = charge.name();
        state_.since = system.now();
    }

    void run() {
        write_state();
        for (;;) {
            auto loss = charge_.wait_for_loss(system_, system_.now() + kLookAgain);
            if (!loss && loss.error().code == ENOENT) {
                log_warning("the ", state_.name, " is not there any more; nobody keeps it");
                return;
            }
            if (!loss) {
                note(loss.error().what);
                system_.sleep(kLookAgain);
            } else if (*loss) {
                mend(**loss);
            }
        }
    }

  private:
    void mend(const std::string& loss) {
        Time begin = system_.now();
        ++state_.losses;
        state_.tries = 0;
        become("lost");
        note(loss);
        wait_if_it_did_not_hold(begin);
        for (;;) {
            if (charge_.is_in_other_hands(system_)) {
                if (wait_for_the_other()) break;
                continue;
            }
            ++state_.tries;
            Result<> mended = charge_.mend(system_);
            state_.longest_loss = std::max(state_.longest_loss, system_.now() - begin);
            if (mended) break;
            note(mended.error().what);
            pause();
        }
        back_since_ = system_.now();
        become("connected");
        write_state();
        log_line(LogLevel::warning, text("the ", state_.name, " is back after ",
                                         std::chrono::ceil<seconds>(system_.now() - begin).count(), " s"));
    }

    /// True when the connection is back, or is no matter of ours any more.
    bool wait_for_the_other() {
        become("kept by another program");
        write_state();
        system_.sleep(kLookAgain);
        auto loss = charge_.wait_for_loss(system_, system_.now());
        return loss ? !*loss : loss.error().code == ENOENT;
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
        if (is_new) log_warning("the ", state_.name, " is lost: ", reason, "; connecting again");
    }

    /// Two nodes with one name throw each other out, and a target can drop whoever has just logged in.
    void wait_if_it_did_not_hold(Time lost_at) {
        bool held = !back_since_ || lost_at - *back_since_ >= kLongEnough;
        if (held)
            pauses_ = 0;
        else
            pause();
    }

    /// A little differently on each node, so that a thousand of them do not fall upon their server at once.
    void pause() {
        milliseconds step = std::min(kFirstPause * (1 << std::min(++pauses_, 6U)), kLongestPause);
        Result<Bytes> random = system_.random_bytes(1);
        system_.sleep(step / 2 + step * (random ? random->front() : 128) / 512);
    }

    void write_state() {
        if (Result<> written = system_.write_file(state_path_, to_json(state_, own_process(system_)));
            !written)
            log_warning(written.error().what, ", ignoring");
    }

    System& system_;
    Charge& charge_;
    std::string state_path_;
    State state_;
    std::optional<Time> back_since_;
    unsigned pauses_ = 0; ///< since it last held
};

} // namespace

void keep(System& system, Charge& charge, const std::string& state_path) {
    Keeper(system, charge, state_path).run();
}

} // namespace mangrove
