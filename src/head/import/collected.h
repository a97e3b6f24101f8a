#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "head/import/import.h"

namespace mangrove::head {

/// Returns the object at a path of keys; makes what is missing. Null where something else is in the way.
cJSON* object_at(cJSON* root, std::initializer_list<std::string_view> path);

/// Objects as the lines of a file name them, and where.
class Collected {
  public:
    explicit Collected(std::string file) : file_(std::move(file)) {}

    std::unexpected<Error> error(size_t line, std::string_view problem) const;
    void ignore(size_t line, std::string_view what);

    /// Returns the object with that name; it is new where no earlier line had it.
    Object& object(const std::string& noun, const std::string& name, size_t line);
    bool has(const std::string& noun, const std::string& name) const;
    /// Appends a group to the node's, once.
    void add_group(Object& node, const std::string& group);
    /// Appends a MAC address to the node's own.
    void add_mac(Object& node, const std::string& mac);

    /// Checks each object alone; what is wrong is said with its line.
    Result<Imported> finish();

  private:
    struct Placed {
        Object object;
        size_t line = 0;
    };

    std::string file_;
    std::vector<Placed> objects_;
    std::map<std::string, size_t> places_; ///< key of an object → index
    std::vector<std::string> ignored_;
    std::set<std::string> named_groups_;
};

/// The lines of a text, without their ends ("\n", "\r\n") and without a byte order mark.
std::vector<std::string> lines_of(std::string_view contents);

} // namespace mangrove::head
