#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// The steps that take back everything attached or mounted so far. Runs them in reverse order when destroyed,
/// unless `keep` was called. Logs a step that fails and continues with the others.
class Undo {
  public:
    Undo() = default;
    Undo(Undo&& other) noexcept = default;
    Undo& operator=(Undo&& other) noexcept;
    ~Undo() { run(); }

    /// `what` completes "undoing: …", for example "unmounting /run/mangrove/layers/0".
    void push(std::string what, std::function<Result<>()> step);
    void run();
    /// Drops all steps: the root is handed over.
    void keep() { steps_.clear(); }
    /// Takes over the steps of `later`, to run before its own.
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
