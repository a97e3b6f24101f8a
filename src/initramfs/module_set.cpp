#include "initramfs/module_set.h"

#include <filesystem>
#include <fstream>
#include <libkmod.h>
#include <memory>

#include "initramfs/tree_files.h"

namespace mangrove {

namespace {

using Context = std::unique_ptr<kmod_ctx, decltype(&kmod_unref)>;

Context open_modules(const std::string& directory) {
    const char* no_configuration = nullptr;
    Context context(kmod_new(directory.c_str(), &no_configuration), kmod_unref);
    kmod_set_log_priority(context.get(), 0);
    return context;
}

void add_module(std::map<std::string, ModuleFile>& files, const std::string& directory, kmod_module* module,
                const std::string& reason);

void add_list(std::map<std::string, ModuleFile>& files, const std::string& directory, kmod_list* modules,
              const std::string& reason) {
    kmod_list* entry = nullptr;
    kmod_list_foreach(entry, modules) {
        kmod_module* module = kmod_module_get_module(entry);
        add_module(files, directory, module, reason);
        kmod_module_unref(module);
    }
    kmod_module_unref_list(modules);
}

void add_module(std::map<std::string, ModuleFile>& files, const std::string& directory, kmod_module* module,
                const std::string& reason) {
    const char* path = kmod_module_get_path(module);
    if (!path) return; // built in
    std::string relative = std::filesystem::path(path).lexically_relative(directory);
    if (files.contains(relative)) return;
    files[relative] = {.path = relative, .reason = reason};
    std::string because = text("needed by ", kmod_module_get_name(module));
    add_list(files, directory, kmod_module_get_dependencies(module), because);
    kmod_list* before = nullptr;
    kmod_list* after = nullptr;
    if (kmod_module_get_softdeps(module, &before, &after) < 0) return;
    add_list(files, directory, before, because);
    add_list(files, directory, after, because);
}

/// False if nothing has this name.
Result<bool> add_one(std::map<std::string, ModuleFile>& files, const std::string& directory,
                     const std::string& name, const std::string& reason) {
    Context context = open_modules(directory);
    kmod_list* found = nullptr;
    int problem = kmod_module_new_from_lookup(context.get(), name.c_str(), &found);
    if (problem < 0) return system_error(-problem, "looking up the module ", name, " in ", directory);
    if (!found) return false;
    add_list(files, directory, found, reason);
    return true;
}

} // namespace

Result<> ModuleSet::add(const std::vector<std::string>& names, const std::string& reason) {
    for (const std::string& name : names)
        if (!TRY(add_one(files_, tree_.directory, name, reason)))
            return permanent_error("module '", name, "' is neither built in nor in ", tree_.directory,
                                   " (for ", reason, ")");
    return {};
}

Result<> ModuleSet::add_if_present(const std::vector<std::string>& names, const std::string& reason) {
    for (const std::string& name : names)
        TRY(add_one(files_, tree_.directory, name, reason));
    return {};
}

Result<> ModuleSet::add_matching(const std::function<bool(const std::string& path)>& belongs,
                                 const std::string& reason) {
    std::ifstream index(tree_.directory + "/modules.dep");
    if (!index) return permanent_error("reading ", tree_.directory, "/modules.dep failed");
    std::string line;
    while (std::getline(index, line)) {
        std::string path = line.substr(0, line.find(':'));
        if (!belongs(path)) continue;
        std::string file = path.substr(path.rfind('/') + 1);
        TRY(add_one(files_, tree_.directory, file.substr(0, file.find(".ko")), reason));
    }
    return {};
}

Result<std::string> ModuleSet::file_of(const std::string& path) const {
    return place_in(tree_.root, tree_.modules + "/" + path);
}

} // namespace mangrove
