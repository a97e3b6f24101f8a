#pragma once

#include <string>
#include <vector>

#include "head/host/host.h"
#include "head/host/json.h"

namespace mangrove::head {

/// In `Step::probe_line` any number, and a word of `Step::undo_words` that becomes the one found there.
inline constexpr const char* kNumberPlaceholder = "*";

/// One change to the host as plain data, so that another run can take it back. Taking back what is not there
/// is no error: a run may have been killed before the change or after it.
struct Step {
    enum class Kind {
        command,   ///< `words`; taken back by `undo_words`
        file,      ///< `path` with `contents`
        directory, ///< `path`
        clone,     ///< `path` of the file `contents`
        link,      ///< `path` to `contents`
        attribute, ///< `contents` into `path`, which is there and goes with its directory
    };
    Kind kind = Kind::command;
    std::string path = {};
    std::string contents = {};
    std::vector<std::string> words = {};      ///< empty: there is only something to take back
    std::vector<std::string> undo_words = {}; ///< empty: an earlier step's undoing takes it back, too
    std::vector<std::string> probe = {};      ///< prints `probe_line` where the change is there
    /// Without blanks around it. Of several lines, each has to be below the one before it: indented deeper.
    std::string probe_line = {};
    std::string secret = {}; ///< what of it is not shown
    /// A large file that the command reads: it runs long. Other runs may use the journal meanwhile.
    std::string reads = {};
    /// A thing inside another that an earlier step makes cannot exist before. A shared command is skipped if
    /// its change is there already, and undone with the last record that has it.
    enum class Scope { of_the_host, of_an_earlier_step, shared };
    Scope scope = Scope::of_the_host;
};

/// As --dry-run shows it.
std::string to_text(const Step& step);
std::string undo_text(const Step& step); ///< empty: nothing to undo

Json to_json(const Step& step);
Result<Step> step_from_json(const cJSON* json);

/// An error where something stands in its way already, which undoing it would take away.
Result<> check_step(Host& host, const Step& step);
/// Whether it is done, as far as that can be seen: an attribute, or a command without a probe, always is.
Result<bool> probe_applied(Host& host, const Step& step);
Result<> do_step(Host& host, const Step& step);
Result<> undo_step(Host& host, const Step& step);

} // namespace mangrove::head
