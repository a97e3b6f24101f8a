#pragma once

#include <deque>

#include "head/power/redfish.h"

namespace mangrove::head::testing {

/// Gives its answers one after the other, and keeps what it is asked.
class ScriptedHttps : public Https {
  public:
    struct Asked {
        std::vector<HttpsRequest> requests = {};
        int pauses = 0;
    };
    ScriptedHttps(std::deque<HttpsAnswer> answers, Asked& asked)
        : answers_(std::move(answers)), asked_(asked) {}

    Result<HttpsAnswer> ask(const HttpsRequest& request) override {
        asked_.requests.push_back(request);
        if (answers_.empty()) return permanent_error("nothing more");
        HttpsAnswer answer = std::move(answers_.front());
        answers_.pop_front();
        return answer;
    }
    void pause() override { ++asked_.pauses; }

  private:
    std::deque<HttpsAnswer> answers_;
    Asked& asked_;
};

} // namespace mangrove::head::testing
