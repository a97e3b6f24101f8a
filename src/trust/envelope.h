#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove::trust {

/// A definition on its way, with or without its signature: the definition itself, or an envelope around it:
///   {"signed": "{…}" or "base64:…", "signature": "…", "node": {"hostname": "n007", …}}
struct Envelope {
    std::string definition = {}; ///< byte for byte as it was signed
    std::string signature = {};  ///< empty: none came with it
    std::string additions = {};  ///< JSON: keys for this node that nobody signed; empty: none
};

bool is_envelope(std::string_view written);

/// Opens an envelope; another text is the definition.
Result<Envelope> open_envelope(std::string_view written);

/// Returns the JSON of an envelope.
std::string envelope_text(const Envelope& envelope);

/// Returns the definition with the additions for its node. They set only keys that nothing executable depends
/// on (`hostname`, `report`, `health`, `release`, and `own_files`, see node_files.h), and none that the
/// definition has.
Result<std::string> with_additions(const Envelope& envelope);

} // namespace mangrove::trust
