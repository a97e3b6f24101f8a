#include "definition/encoding.h"
#include "source/source.h"

// The source `base64:…`: the definition itself, as `mangrove encode` writes it.

namespace mangrove {

Result<Found> find_in_argument(Search&, const std::string& source) {
    return Found{TRY(definition::decode(source)), "the kernel command line", "every user of the node"};
}

} // namespace mangrove
