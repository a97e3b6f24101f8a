#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ctl/host.h"

namespace mangrove::ctl {

/// Answers what programs are asked; nothing can be changed on it.
class AskedHost : public LinuxHost {
  public:
    std::map<std::string, std::string> answers;
    std::vector<std::string> present;

    Result<std::string> run(const std::vector<std::string>& words) override {
        auto answer = answers.find(join(words, " "));
        if (answer == answers.end()) return permanent_error("not expected: ", join(words, " "));
        return answer->second;
    }
    bool exists(const std::string& path) override {
        return std::ranges::find(present, path) != present.end();
    }
};

} // namespace mangrove::ctl
