#include <cstdint>

#include "system/fake/system.h"
#include "tpm/tpm.h"

/// A TPM that answers anything: the bytes are its answers, each behind its size (one byte).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    mangrove::Transcript transcript;
    mangrove::FakeSystem system(transcript);
    system.add_device(mangrove::tpm::kDevice, [&](std::string_view) -> mangrove::Result<std::string> {
        if (rest.empty()) return mangrove::permanent_error("no more answers");
        size_t count = static_cast<uint8_t>(rest[0]);
        std::string answer(rest.substr(1, count));
        rest.remove_prefix(std::min(rest.size(), count + 1));
        return answer;
    });
    mangrove::Result<mangrove::tpm::Session> session = mangrove::tpm::Session::open(system);
    if (session) static_cast<void>(session->decrypt({"blob", "secret"}));
    return 0;
}
