#include "source/source.h"

// The source `file:/path`: a file of the initramfs, also one of an archive that a boot loader appended to it.
// Its signature is in `/path.sig`.

namespace mangrove {

Result<Found> find_in_file(Search& search, const std::string& source) {
    std::string path = source.substr(std::string_view("file:").size());
    Found found{TRY(search.boot.system.read_file(path)), path};
    found.signature = search.boot.system.read_file(path + ".sig").value_or("");
    return found;
}

} // namespace mangrove
