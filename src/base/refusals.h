#pragma once

#include <optional>

#include "base/result.h"

namespace mangrove {

/// What each of several addresses said when none of them would do, as one error: transient when one of them
/// may come back, unless a server said a definite no.
class Refusals {
  public:
    enum class Source { server, resolver };

    void add(Error error, Source source);
    /// `nothing` is the error when nothing was added.
    std::unexpected<Error> to_error(std::string_view nothing) &&;

  private:
    std::optional<Error> collected_;
    bool has_definite_refusal_ = false;
    bool has_transient_ = false;
};

} // namespace mangrove
