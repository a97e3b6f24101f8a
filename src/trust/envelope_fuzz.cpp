#include "trust/envelope.h"
#include "trust/node_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace mangrove::trust;
    mangrove::Result<Envelope> envelope = open_envelope({reinterpret_cast<const char*>(data), size});
    if (!envelope) return 0;
    if (mangrove::Result<std::string> definition = with_additions(*envelope))
        static_cast<void>(with_own_files(*definition, {"52:54:00:00:00:01"}).has_value());
    bool is_empty = envelope->signature.empty() && envelope->additions.empty();
    if (!is_empty && open_envelope(envelope_text(*envelope)).value().definition != envelope->definition)
        __builtin_trap();
    return 0;
}
