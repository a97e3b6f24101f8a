#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"

namespace mangrove {

/// One translation of a root that was described for another program (a root-path, dracut's arguments) into a
/// definition.
struct Translation {
    std::string server = {};               ///< the host of a root that names none
    std::string node = {};                 ///< what "%s" in a path of NFS stands for
    bool needs_lease = false;              ///< whether one of the two was used
    std::vector<std::string> notices = {}; ///< what is ignored or assumed, a sentence each

    template <typename... Words>
    void note(const Words&... words) {
        notices.push_back(text(words...));
    }
    /// Returns `written` or, when it is empty, the host of the lease.
    std::string host(std::string written) {
        if (!written.empty()) return written;
        needs_lease = true;
        return server;
    }
};

/// A host and the rest of the text. Brackets around an IPv6 address are removed.
struct HostAndRest {
    std::string host;
    std::string_view rest; ///< begins with ":", or is empty
};
HostAndRest split_host(std::string_view whole);

/// Adds "kind": KIND and the object KIND, which it returns.
cJSON* add_kind(cJSON* parent, const char* kind);

/// Adds a string, unless it is empty.
void add_text(cJSON* object, const char* key, const std::string& value);

/// Adds a list of strings, unless it is empty.
void add_texts(cJSON* object, const char* key, const std::vector<std::string>& values);

} // namespace mangrove
