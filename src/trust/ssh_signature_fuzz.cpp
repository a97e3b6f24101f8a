#include "trust/ssh_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view written(reinterpret_cast<const char*>(data), size);
    mangrove::Result<mangrove::trust::SshSignature> signature = mangrove::trust::parse_ssh_signature(written);
    // No key signs a text that its owner has never seen.
    if (signature && mangrove::trust::check_ssh_signature(*signature, "unseen")) __builtin_trap();
    return 0;
}
