#include "trust/allowed_signers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    mangrove::trust::AllowedSigners allowed =
        mangrove::trust::parse_allowed_signers({reinterpret_cast<const char*>(data), size});
    for (const mangrove::trust::Signer& signer : allowed.signers)
        static_cast<void>(mangrove::trust::find_signer(allowed, signer.key, {}).has_value());
    return 0;
}
