#include "base/refusals.h"

namespace mangrove {

void Refusals::add(Error error, Source source) {
    // A system call that failed (with a code) says nothing about what the server would say.
    if (source == Source::server && error.code == 0 && !error.is_transient()) has_definite_refusal_ = true;
    if (error.is_transient()) has_transient_ = true;
    if (!collected_) {
        collected_ = std::move(error);
        return;
    }
    collected_->what += "; " + error.what;
    collected_->while_doing.insert(collected_->while_doing.end(), error.while_doing.begin(),
                                   error.while_doing.end());
}

std::unexpected<Error> Refusals::to_error(std::string_view nothing) && {
    bool is_transient = has_transient_ && !has_definite_refusal_;
    Error error = collected_ ? *std::move(collected_) : Error{.what = std::string(nothing)};
    error.permanence = is_transient ? Permanence::transient : Permanence::permanent;
    return std::unexpected(std::move(error));
}

} // namespace mangrove
