#include "base/undo.h"

#include <iterator>

#include "base/log.h"

namespace mangrove {

Undo& Undo::operator=(Undo&& other) noexcept {
    if (this == &other) return *this;
    run();
    steps_ = std::move(other.steps_);
    other.steps_.clear();
    return *this;
}

void Undo::push(std::string what, std::function<Result<>()> step) {
    steps_.push_back({std::move(what), std::move(step)});
}

void Undo::run() {
    while (!steps_.empty()) {
        Step step = std::move(steps_.back());
        steps_.pop_back();
        if (Result<> result = step.run(); !result)
            log_warning("rolling back: ", step.what, " failed, ignoring: ", describe(result.error()));
    }
}

void Undo::append(Undo later) {
    std::move(later.steps_.begin(), later.steps_.end(), std::back_inserter(steps_));
    later.steps_.clear();
}

} // namespace mangrove
