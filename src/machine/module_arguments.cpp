#include "machine/module_arguments.h"

#include <algorithm>

namespace mangrove {

static std::vector<std::string> modules_in(const KernelCommandLine& command_line,
                                           std::initializer_list<std::string_view> names) {
    std::vector<std::string> modules;
    for (std::string_view name : names)
        for (const std::string& value : command_line.values(name))
            for (std::string& module : split(value, ',')) {
                std::ranges::replace(module, '-', '_');
                if (!module.empty()) modules.push_back(std::move(module));
            }
    return modules;
}

ModuleArguments module_arguments(const KernelCommandLine& command_line) {
    // The last of each is how dracut before 008 called it.
    std::vector<std::string> blacklist = modules_in(
        command_line, {"modprobe.blacklist", "module_blacklist", "rd.driver.blacklist", "rdblacklist"});
    return {.blacklist = {blacklist.begin(), blacklist.end()},
            .first = modules_in(command_line, {"rd.driver.pre", "rdloaddriver"}),
            .last = modules_in(command_line, {"rd.driver.post", "rdinsmodpost"})};
}

} // namespace mangrove
