#pragma once

#include <expected>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"

namespace mangrove {

/// Whether a retry can succeed: a server that is away may come back (transient), a refused password stays
/// refused (permanent).
enum class Permanence { permanent, transient };

/// An error with one "while" line for each level that it passed through, innermost first.
struct Error {
    std::string what;
    Permanence permanence = Permanence::permanent;
    int code = 0; ///< errno of the system call that failed, 0 when none did
    std::vector<std::string> while_doing = {};

    bool is_transient() const { return permanence == Permanence::transient; }
};

template <typename T = void>
using Result = std::expected<T, Error>;

/// Returns an error: `return permanent_error("no such image '", name, "'");`
template <typename... Words>
std::unexpected<Error> permanent_error(const Words&... words) {
    return std::unexpected(Error{.what = text(words...), .permanence = Permanence::permanent});
}

template <typename... Words>
std::unexpected<Error> transient_error(const Words&... words) {
    return std::unexpected(Error{.what = text(words...), .permanence = Permanence::transient});
}

/// Returns the error of a system call. "Not now" (connection refused, timed out, unreachable, …) is
/// transient, everything else permanent. `errno_code` is positive.
template <typename... Words>
std::unexpected<Error> system_error(int errno_code, const Words&... words);

/// Formats an error for output: "what" on the first line, each "while" on a line of its own.
std::string describe(const Error& error);

bool is_transient_errno(int errno_code);
std::string errno_text(int errno_code);

template <typename... Words>
std::unexpected<Error> system_error(int errno_code, const Words&... words) {
    return std::unexpected(
        Error{.what = text(words..., ": ", errno_text(errno_code)),
              .permanence = is_transient_errno(errno_code) ? Permanence::transient : Permanence::permanent,
              .code = errno_code});
}

template <typename... Words>
Error add_context(Error error, const Words&... words) {
    if constexpr (sizeof...(words) > 0) error.while_doing.push_back(text(words...));
    return error;
}

/// Returns the value of a Result that has one. Unlike the result of std::expected's operator, it may be
/// discarded.
template <typename T>
T unwrap(Result<T>&& result) {
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

} // namespace mangrove

#define MANGROVE_JOIN_(a, b) a##b
#define MANGROVE_JOIN(a, b) MANGROVE_JOIN_(a, b)
#define MANGROVE_TRY(name, expression, ...)                                                                  \
    __extension__({                                                                                          \
        auto name = (expression);                                                                            \
        if (!name)                                                                                           \
            return std::unexpected(                                                                          \
                ::mangrove::add_context(std::move(name).error() __VA_OPT__(, ) __VA_ARGS__));                \
        ::mangrove::unwrap(std::move(name));                                                                 \
    })

/// Unwraps a Result, or returns its error from the enclosing function with one more "while" line:
/// `Root root = TRY(assemble(system, definition), "assembling the root '", definition.name, "'");`
#define TRY(expression, ...)                                                                                 \
    MANGROVE_TRY(MANGROVE_JOIN(try_, __COUNTER__), expression __VA_OPT__(, ) __VA_ARGS__)
