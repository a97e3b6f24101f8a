#include <algorithm>
#include <cstdlib>

#include "oci/artifact.h"
#include "oci/reference.h"

using namespace mangrove;

/// The input is a manifest, and the name of an artifact.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    if (Result<std::vector<oci::Layer>> layers = oci::layers_of(input)) {
        for (const oci::Layer& layer : *layers)
            if (!oci::is_digest(layer.digest) || layer.size == 0) std::abort();
        Result<oci::Layer> image = oci::image_of(*layers);
        if (image && std::ranges::find(*layers, image->digest, &oci::Layer::digest) == layers->end())
            std::abort();
    }
    Result<oci::Reference> name = oci::Reference::parse(text("oci://", input));
    if (!name) return 0;
    std::string again = text("oci://", name->registry, "/", name->repository, name->tag.empty() ? "" : ":",
                             name->tag, name->digest.empty() ? "" : "@", name->digest);
    if (again != text("oci://", input)) std::abort();
    return 0;
}
