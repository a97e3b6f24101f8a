#include "system/fake/transcript.h"

#include <cerrno>

namespace mangrove {

Result<> Transcript::record(std::string operation) {
    lines_.push_back(std::move(operation));
    if (lines_.size() - 1 == fail_at_) return system_error(EIO, lines_.back());
    return {};
}

std::string Transcript::to_text() const {
    return join(lines_, "\n");
}

} // namespace mangrove
