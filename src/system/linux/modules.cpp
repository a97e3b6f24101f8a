#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <libkmod.h>
#include <linux/module.h>
#include <sys/utsname.h>

#include "machine/module_arguments.h"
#include "system/linux/system.h"

namespace mangrove {

Result<kmod_ctx*> LinuxSystem::module_context() {
    if (module_context_) return module_context_;
    const char* no_configuration = nullptr;
    module_context_ = kmod_new(nullptr, &no_configuration);
    if (!module_context_) return system_error(ENOMEM, "opening the module index");
    // libkmod reports on standard error on its own; what matters comes back as an error code.
    kmod_set_log_priority(module_context_, 0);
    return module_context_;
}

/// A module that no index knows can be built into a kernel whose modules.builtin is not here.
static bool is_in_the_kernel(System& system, std::string name) {
    if (name.find(':') != std::string::npos) return false; // the alias of a device
    if (name.starts_with("fs-")) name.erase(0, 3);         // that of a file system
    std::replace(name.begin(), name.end(), '-', '_');
    if (system.path_kind("/sys/module/" + name) != PathKind::missing) return true;
    Result<std::string> filesystems = system.read_file("/proc/filesystems");
    if (!filesystems) return false;
    std::vector<std::string> lines = split(*filesystems, '\n');
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.substr(line.find('\t') + 1) == name; });
}

static std::set<std::string> module_blacklist(System& system) {
    Result<std::string> line = system.read_file("/proc/cmdline");
    return line ? module_arguments(KernelCommandLine::parse(*line)).blacklist : std::set<std::string>();
}

Result<> LinuxSystem::load_module(const std::string& name_or_alias, const std::string& parameters) {
    kmod_ctx* context = TRY(module_context());
    std::set<std::string> blacklist = module_blacklist(*this);
    kmod_list* found = nullptr;
    int problem = kmod_module_new_from_lookup(context, name_or_alias.c_str(), &found);
    if (problem < 0) return system_error(-problem, "looking up the module ", name_or_alias);
    if (!found) {
        if (is_in_the_kernel(*this, name_or_alias)) return {};
        utsname kernel = {};
        ::uname(&kernel);
        return permanent_error("module '", name_or_alias, "' is neither built in nor in /lib/modules/",
                               static_cast<const char*>(kernel.release));
    }
    Result<> result;
    kmod_list* entry = nullptr;
    kmod_list_foreach(entry, found) {
        kmod_module* module = kmod_module_get_module(entry);
        if (blacklist.contains(kmod_module_get_name(module))) {
            result = permanent_error("module '", kmod_module_get_name(module),
                                     "' is on the blacklist of the kernel command line");
            kmod_module_unref(module);
            continue;
        }
        problem = kmod_module_probe_insert_module(
            module, 0, parameters.empty() ? nullptr : parameters.c_str(), nullptr, nullptr, nullptr);
        if (problem < 0 && problem != -EEXIST)
            result = system_error(-problem, "loading the module ", kmod_module_get_name(module));
        kmod_module_unref(module);
    }
    kmod_module_unref_list(found);
    return result;
}

} // namespace mangrove
