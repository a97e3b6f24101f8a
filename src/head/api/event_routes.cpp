#include <algorithm>

#include "head/api/answering.h"
#include "head/api/routes.h"

namespace mangrove::head {

namespace {

std::vector<Event> after(std::vector<Event> events, uint64_t number) {
    std::erase_if(events, [&](const Event& event) { return event.number <= number; });
    return events;
}

/// The events after `last`, as an event stream has them (HTML, 9.2). The database is looked at when it
/// changed.
class Stream {
  public:
    Stream(std::shared_ptr<Database> database, uint64_t last) : database_(std::move(database)), last_(last) {}

    Result<std::string> next() {
        uint64_t revision = TRY(database_->revision());
        std::string written;
        if (revision == revision_) return written;
        // A rollout writes records of nodes all the time.
        Result<std::vector<Change>> changes =
            database_->watch("event/", revision_, std::chrono::milliseconds(0));
        if (changes && changes->empty()) {
            revision_ = revision;
            return written;
        }
        for (const Event& event : after(TRY(list_events(*database_)), last_)) {
            written += text("id: ", event.number, "\ndata: ", print_json(description_of(event)), "\n\n");
            last_ = event.number;
        }
        revision_ = revision;
        return written;
    }

  private:
    std::shared_ptr<Database> database_;
    uint64_t last_;
    uint64_t revision_ = 0;
};

} // namespace

/// A reader that comes again names the last event that it has.
Result<Answer> list_events(ApiCall& call) {
    bool follows = has_query(call.asked.target, "follow");
    std::string from = call.asked.last_event_id;
    if (from.empty()) from = query_value(call.asked.target, "after");
    uint64_t last = parse_number(from).value_or(0);
    std::vector<Event> events = after(TRY(list_events(*call.database)), last);
    if (!follows)
        return json_answer(list_of(events, [](const Event& event) { return description_of(event); }));
    if (from.empty() && !events.empty()) last = events.back().number;
    auto stream = std::make_shared<Stream>(call.database, last);
    return Answer{.type = "text/event-stream", .follow = [stream] { return stream->next(); }};
}

} // namespace mangrove::head
