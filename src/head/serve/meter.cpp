#include "head/serve/meter.h"

#include <cstdio>

#include "base/text.h"

namespace mangrove::head {

namespace {

std::string escaped(std::string_view value) {
    std::string out;
    for (char letter : value) {
        if (letter == '\\' || letter == '"') out += '\\';
        out += letter == '\n' ? std::string_view("\\n") : std::string_view(&letter, 1);
    }
    return out;
}

std::string shown_number(double number) {
    std::array<char, 32> written = {};
    std::snprintf(written.data(), written.size(), "%.15g", number);
    return written.data();
}

} // namespace

void Exposition::begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += mangrove::text("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void Exposition::add(double value, const Labels& labels, std::string_view suffix) {
    text_ += mangrove::text(name_, suffix);
    for (const auto& [name, label] : labels)
        text_ +=
            mangrove::text(&label == &labels.front().second ? '{' : ',', name, "=\"", escaped(label), '"');
    text_ += mangrove::text(labels.empty() ? "" : "}", " ", shown_number(value), "\n");
}

void Meter::count_request(std::string_view route, unsigned status, double seconds, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    auto known = requests_.find(route);
    if (known == requests_.end()) known = requests_.emplace(route, Requests{}).first;
    Requests& requests = known->second;
    ++requests.by_status[status];
    ++requests.count;
    requests.seconds += seconds;
    requests.bytes += bytes;
    for (size_t i = 0; i < kBounds.size(); ++i)
        requests.within[i] += seconds <= kBounds[i] ? 1 : 0;
}

void Meter::count_connections(int64_t more) {
    std::lock_guard lock(mutex_);
    connections_ += more;
}

void Meter::count_report(bool is_failure) {
    std::lock_guard lock(mutex_);
    ++(is_failure ? failure_reports_ : reports_);
}

void Meter::count_preparation(double seconds, uint64_t rendered) {
    std::lock_guard lock(mutex_);
    preparations_.add(seconds);
    rendered_ += rendered;
}

void Meter::count_step(double seconds) {
    std::lock_guard lock(mutex_);
    steps_.add(seconds);
}

/// With the mutex locked.
void Meter::write_requests(Exposition& out) const {
    out.begin("mangrove_head_http_requests_total", "counter", "Requests that were answered.");
    for (const auto& [route, requests] : requests_)
        for (const auto& [status, count] : requests.by_status)
            out.add(static_cast<double>(count), {{"route", route}, {"code", text(status)}});
    out.begin("mangrove_head_http_response_bytes_total", "counter", "Bytes of the bodies of answers.");
    for (const auto& [route, requests] : requests_)
        out.add(static_cast<double>(requests.bytes), {{"route", route}});
    out.begin("mangrove_head_http_request_duration_seconds", "histogram",
              "Time from a whole request to the end of its answer.");
    for (const auto& [route, requests] : requests_) {
        for (size_t i = 0; i < kBounds.size(); ++i)
            out.add(static_cast<double>(requests.within[i]),
                    {{"route", route}, {"le", shown_number(kBounds[i])}}, "_bucket");
        out.add(static_cast<double>(requests.count), {{"route", route}, {"le", "+Inf"}}, "_bucket");
        out.add(requests.seconds, {{"route", route}}, "_sum");
        out.add(static_cast<double>(requests.count), {{"route", route}}, "_count");
    }
}

void Meter::write(Exposition& out) const {
    std::lock_guard lock(mutex_);
    write_requests(out);
    out.begin("mangrove_head_http_connections", "gauge", "Connections that are open.");
    out.add(static_cast<double>(connections_));
    out.begin("mangrove_head_reports_total", "counter", "Reports of boots that nodes posted.");
    out.add(static_cast<double>(reports_), {{"outcome", "ok"}});
    out.add(static_cast<double>(failure_reports_), {{"outcome", "failed"}});
    out.begin("mangrove_head_renderings_total", "counter", "Sets of files that were rendered for a node.");
    out.add(static_cast<double>(rendered_));
    for (const auto& [name, help, summary] :
         {std::tuple("mangrove_head_preparation_duration_seconds", "Preparing all that nodes are served.",
                     preparations_),
          std::tuple("mangrove_head_controller_step_duration_seconds",
                     "Deciding what happens next in all rollouts.", steps_)}) {
        out.begin(name, "summary", help);
        out.add(summary.seconds, {}, "_sum");
        out.add(static_cast<double>(summary.count), {}, "_count");
    }
}

} // namespace mangrove::head
