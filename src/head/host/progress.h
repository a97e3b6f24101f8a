#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace mangrove::head {

/// Takes what an operation says while it runs. What an operation returns tells what it did; a sink only shows
/// that something happens. One thread at a time uses it.
class Progress {
  public:
    virtual ~Progress() = default;

    virtual void note(std::string_view line) = 0;
    virtual void warn(std::string_view line) = 0;
    /// Long work, one at a time. `total`: its bytes; 0: not known.
    virtual void begin(std::string_view what, uint64_t total) = 0;
    virtual void advance(uint64_t bytes) = 0;
    virtual void end() = 0;
};

class SilentProgress : public Progress {
  public:
    void note(std::string_view) override {}
    void warn(std::string_view) override {}
    void begin(std::string_view, uint64_t) override {}
    void advance(uint64_t) override {}
    void end() override {}
};

/// Passes everything on and keeps the warnings, for the result of an operation.
class KeptWarnings : public Progress {
  public:
    explicit KeptWarnings(Progress& to) : to_(to) {}

    const std::vector<std::string>& warnings() const { return warnings_; }

    void note(std::string_view line) override { to_.note(line); }
    void warn(std::string_view line) override {
        warnings_.emplace_back(line);
        to_.warn(line);
    }
    void begin(std::string_view what, uint64_t total) override { to_.begin(what, total); }
    void advance(uint64_t bytes) override { to_.advance(bytes); }
    void end() override { to_.end(); }

  private:
    Progress& to_;
    std::vector<std::string> warnings_;
};

/// Ends the work when it goes out of scope.
class LongWork {
  public:
    LongWork(Progress& progress, std::string_view what, uint64_t total) : progress_(progress) {
        progress_.begin(what, total);
    }
    LongWork(const LongWork&) = delete;
    LongWork& operator=(const LongWork&) = delete;
    ~LongWork() { progress_.end(); }

    void advance(uint64_t bytes) { progress_.advance(bytes); }

  private:
    Progress& progress_;
};

} // namespace mangrove::head
