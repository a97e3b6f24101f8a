#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// Records the operations of the fakes of one machine, a line each. A test asserts the lines,
/// and can have the n-th operation fail.
class Transcript {
  public:
    /// Records an operation; an error if it is the one that was chosen to fail. The error names the
    /// operation.
    Result<> record(std::string operation);

    /// The operation with this index (from 0) fails, once, with EIO, as a permanent error.
    void fail_at(size_t index) { fail_at_ = index; }
    const std::vector<std::string>& lines() const { return lines_; }
    std::string to_text() const;

  private:
    std::vector<std::string> lines_;
    size_t fail_at_ = static_cast<size_t>(-1);
};

} // namespace mangrove
