#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

/// Artifacts of registries (OCI Distribution and Image Specification 1.1).
namespace mangrove::oci {

/// Names an artifact in a registry: "oci://registry.example:5000/site/node@sha256:…", or with a tag.
struct Reference {
    std::string registry = {}; ///< with its port, as written
    std::string repository = {};
    std::string tag = {};
    std::string digest = {}; ///< of the manifest, "sha256:…"

    /// At least one of tag and digest is empty.
    static Result<Reference> parse(std::string_view written);
};

/// True for "sha256:" and 64 lower-case hexadecimal digits.
bool is_digest(std::string_view written);

} // namespace mangrove::oci
