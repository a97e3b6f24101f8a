#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "head/host/progress.h"
#include "head/image/oci.h"

namespace mangrove::head {

/// True for "docker://REGISTRY/NAME[:TAG][@DIGEST]" (containers-transports(5)), or with oci://.
bool is_in_registry(const std::string& source);

/// Copies an image from a registry into `layout`, a new OCI image layout, by skopeo, which checks its digests
/// and reads the credentials and registries of containers-auth.json(5) and containers-registries.conf(5). Of
/// an image for several architectures it copies the one that `choice` wants.
Result<> copy_from_registry(const std::string& source, const OciChoice& choice,
                            const std::filesystem::path& layout, Progress& progress);

} // namespace mangrove::head
