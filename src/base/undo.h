#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// What has to be done to take back everything that was attached or mounted so far. Runs in reverse order
/// when it is destroyed, unless `keep` was called. A step that fails is logged and does not stop the others.
class Undo {
  public:
    Undo() = default;
    Undo(Undo&& other) noexcept = default;
    Undo& operator=(Undo&& other) noexcept;
    ~Undo() { run(); }

    /// `what` completes "undoing: …", e.g. "unmounting /run/mangrove/layers/0".
    void push(std::string what, std::function<Result<>()> step);
    void run();
    /// Everything stays as it is: the root is handed over.
    void keep() { steps_.clear(); }
    /// Takes over the steps of `later`, to run before the own ones.
    void append(Undo later);
    bool empty() const { return steps_.empty(); }

  private:
    struct Step {
        std::string what;
        std::function<Result<>()> run;
    };
    std::vector<Step> steps_;
};

} // namespace mangrove
