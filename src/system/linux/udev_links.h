#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// Knows from udev's database which network interfaces udev has finished with. Before that udev may still
/// rename one, which no kernel before 6.3 lets it do once the interface is up.
class UdevLinks {
  public:
    static Result<UdevLinks> watch(const std::string& database = "/run/udev/data");

    bool has_finished(int link_index) const;
    /// Readable when udev has finished with something.
    int fd() const { return events_.get(); }
    /// True if there was news.
    Result<bool> drain();

  private:
    UdevLinks(std::string database, UniqueFd events)
        : database_(std::move(database)), events_(std::move(events)) {}

    std::string database_;
    UniqueFd events_; ///< inotify(7)
};

} // namespace mangrove
