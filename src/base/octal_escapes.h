#pragma once

#include <string>
#include <string_view>

namespace mangrove {

/// Decodes "/a\040b" to "/a b", the form of mount tables in procfs (proc_pid_mountinfo(5)).
std::string without_octal_escapes(std::string_view written);

} // namespace mangrove
