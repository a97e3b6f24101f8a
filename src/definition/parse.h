#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "definition/definition.h"

namespace mangrove::definition {

/// One problem (or notice) in the text of a definition.
struct Problem {
    std::string json_path; ///< "mount.overlay.lower[0].attach.attach.kind", empty for the whole text
    std::string what;      ///< "unknown kind 'isci'; did you mean 'iscsi'?"
    size_t line = 0;       ///< from 1; 0 when it is not known
    size_t column = 0;     ///< in characters, from 1

    /// Returns "mount…kind: unknown kind 'isci'; did you mean 'iscsi'?", without line and column.
    std::string to_text() const;
};

struct ParsedDefinition {
    Definition definition; ///< complete only when `problems` is empty
    std::vector<Problem> problems;
    std::vector<std::string>
        notices; ///< keys that are known to ImageAPI and mean nothing at boot, secrets, …
};

/// Reads the whole text and reports every problem, in the order of the text. Accepts any bytes.
ParsedDefinition parse_and_check(std::string_view text);

/// Returns a MAC address with colons, or a UUID, in lower case; nothing for another word.
std::optional<std::string> normalize_node(std::string_view written);

/// Reads a definition for the boot: returns the first problem as an error (with the number of the others),
/// and logs notices.
Result<Definition> parse_definition(std::string_view text);

} // namespace mangrove::definition
