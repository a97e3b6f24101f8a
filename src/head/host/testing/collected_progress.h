#pragma once

#include <string>
#include <vector>

#include "head/host/progress.h"

namespace mangrove::head {

/// For tests: all that was said, and how far each long work came.
class CollectedProgress : public Progress {
  public:
    struct Work {
        std::string what;
        uint64_t total = 0;
        uint64_t done = 0;
        bool has_ended = false;
    };

    std::vector<std::string> notes;
    std::vector<std::string> warnings;
    std::vector<Work> works;

    void note(std::string_view line) override { notes.emplace_back(line); }
    void warn(std::string_view line) override { warnings.emplace_back(line); }
    void begin(std::string_view what, uint64_t total) override {
        works.push_back({.what = std::string(what), .total = total});
    }
    void advance(uint64_t bytes) override {
        if (!works.empty()) works.back().done += bytes;
    }
    void end() override {
        if (!works.empty()) works.back().has_ended = true;
    }
};

} // namespace mangrove::head
