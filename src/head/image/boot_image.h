#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// Describes a boot image: a unified kernel image
/// (https://uapi-group.org/specifications/specs/unified_kernel_image/), signed for UEFI Secure Boot.
struct BootImageRequest {
    std::filesystem::path kernel;
    std::filesystem::path initramfs;
    std::vector<std::string> arguments = {}; ///< of the kernel; nobody can change them afterwards
    std::string key;                         ///< private key (PEM), or what `engine` knows it by
    std::filesystem::path certificate;       ///< that machines have enrolled (PEM)
    std::string engine = {};                 ///< of OpenSSL, for keys in hardware: pkcs11
    std::filesystem::path stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"; ///< of systemd
    std::filesystem::path output;
};

Result<> make_boot_image(const BootImageRequest& request, Progress& progress);

/// Where sections can be added to a program of UEFI (PE32+).
struct PeLayout {
    uint64_t base;      ///< of its addresses
    uint64_t alignment; ///< of sections
    uint64_t end;       ///< behind its last section, from `base`
};
Result<PeLayout> pe_layout(std::string_view program);

} // namespace mangrove::head
