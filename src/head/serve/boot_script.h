#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// Scripts of iPXE (https://ipxe.org/scripting).
namespace mangrove::head {

struct BootParts {
    std::string title;  ///< of the node and its image
    std::string kernel; ///< URLs
    std::string initramfs;
    std::string authority = {}; ///< an archive with the certificate of the head node; empty: none
    std::string definition;
    std::string report = {};            ///< where a boot that fails says why; empty: nowhere
    std::string served = {};            ///< digest of all of it, for the report
    std::vector<std::string> arguments; ///< further ones of the kernel
};

/// An error where iPXE or the kernel would not take an argument for what it is.
Result<> check_kernel_argument(std::string_view argument);

/// The first script: it has the machine ask for its own one, by its MAC address, with what it knows of
/// itself.
std::string first_script(const std::string& base, std::chrono::seconds pause);
std::string boot_script(const BootParts& parts, const std::string& base, std::chrono::seconds pause);
/// Returns the same for a node that starts it from its running system, without the firmware (docs/head.md):
/// JSON. `kernel_name`: that of name_of_kernel.
std::string boot_plan(const BootParts& parts, const std::string& kernel_name);

/// Returns a boot_script with a further argument of the kernel.
std::string script_with(std::string script, const std::string& argument);
/// Returns a boot_plan with a further argument of the kernel.
std::string plan_with(const std::string& plan, const std::string& argument);
/// Shows lines and asks again after a pause.
std::string screen_script(const std::vector<std::string>& lines, const std::string& base,
                          std::chrono::seconds pause);
/// Returns the words so that iPXE prints them and takes none for a command of its own.
std::string printed_by_firmware(std::string_view words);
/// Lines that a machine shows which the head node does not know.
std::vector<std::string> unknown_machine_lines();

/// The file, in the archive that the script brings, with the certificate that nodes trust.
inline constexpr const char* kAuthorityPath = "/etc/mangrove/head-ca.pem";

} // namespace mangrove::head
