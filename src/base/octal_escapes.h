#pragma once

#include <string>
#include <string_view>

namespace mangrove {

/// "/a b" of "/a\040b", as the tables of mounts in procfs are written (proc_pid_mountinfo(5)).
std::string without_octal_escapes(std::string_view written);

} // namespace mangrove
