#pragma once

#include <optional>

#include "base/result.h"

namespace mangrove {

/// Collects the errors of several addresses into one: transient when one of them is, unless a server gave a
/// definite refusal.
class Refusals {
  public:
    enum class Source { server, resolver };

    void add(Error error, Source source);
    /// Returns `nothing` when no error was added.
    std::unexpected<Error> to_error(std::string_view nothing) &&;

  private:
    std::optional<Error> collected_;
    bool has_definite_refusal_ = false;
    bool has_transient_ = false;
};

} // namespace mangrove
