#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// One argument of the kernel command line. `has_value` is false for a word without "=".
struct KernelArgument {
    std::string name;
    std::string value;
    bool has_value = false;
};

/// The kernel command line, split as the kernel does it (next_arg in lib/cmdline.c: double quotes around a
/// value or a whole argument, no escapes), in its order.
class KernelCommandLine {
  public:
    static KernelCommandLine parse(std::string_view line);

    const std::vector<KernelArgument>& arguments() const { return arguments_; }
    /// The value of the last argument of that name, as the kernel takes it.
    std::optional<std::string> value(std::string_view name) const;
    /// All values of a repeated argument, in their order.
    std::vector<std::string> values(std::string_view name) const;

  private:
    std::vector<KernelArgument> arguments_;
};

/// An argument that Mangrove reads. `kernel-cmdline.md` has a row for each, in this order.
struct KnownArgument {
    std::string_view name;
    std::string_view meaning;
};
const std::vector<KnownArgument>& known_arguments();

/// Returns the kernel's arguments, or those of a boot without a kernel that has followed
/// (docs/shutdown.md).
Result<std::string> read_arguments(System& system);
/// Returns the same. An argument `mangrove.…` that is not known draws a warning with the word that was
/// probably meant.
Result<KernelCommandLine> read_kernel_command_line(System& system);

} // namespace mangrove
