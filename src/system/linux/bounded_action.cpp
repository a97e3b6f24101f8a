#include <cerrno>
#include <cstdlib>

#include "system/linux/bounded_child.h"
#include "system/linux/system.h"

namespace mangrove {

// A Result on its way from one process to the other: a value behind a '+'; an error as its permanence, its
// errno and its lines, with NUL between them.

static std::string to_words(const Result<std::string>& result) {
    if (result) return "+" + *result;
    const Error& error = result.error();
    std::vector<std::string> words = {error.is_transient() ? "transient" : "permanent",
                                      std::to_string(error.code), error.what};
    words.insert(words.end(), error.while_doing.begin(), error.while_doing.end());
    return join(words, std::string_view("\0", 1));
}

static Result<std::string> from_words(const std::string& text) {
    if (text.starts_with('+')) return text.substr(1);
    std::vector<std::string> words = split(text, '\0');
    return std::unexpected(
        Error{.what = words[2],
              .permanence = words[0] == "transient" ? Permanence::transient : Permanence::permanent,
              .code = std::atoi(words[1].c_str()),
              .while_doing = {words.begin() + 3, words.end()}});
}

Result<std::string> LinuxSystem::run_bounded(const std::string& operation, milliseconds time_limit,
                                             const Action& action) {
    std::optional<std::string> words =
        TRY(text_until(now() + time_limit, [&] { return to_words(action()); }), operation);
    if (!words) return system_error(ETIMEDOUT, operation);
    return from_words(*words);
}

} // namespace mangrove
