#include "initramfs/module_information.h"

#include <filesystem>
#include <libkmod.h>
#include <memory>
#include <string_view>

namespace mangrove {

namespace {

using Context = std::unique_ptr<kmod_ctx, decltype(&kmod_unref)>;
using Module = std::unique_ptr<kmod_module, decltype(&kmod_module_unref)>;

/// libkmod would wait for ever for the other end of a FIFO.
Module open_module(kmod_ctx* context, const std::string& file) {
    std::error_code problem;
    kmod_module* module = nullptr;
    if (std::filesystem::is_regular_file(file, problem))
        kmod_module_new_from_path(context, file.c_str(), &module);
    return Module(module, kmod_module_unref);
}

Context make_context() {
    const char* no_configuration = nullptr;
    Context context(kmod_new("/", &no_configuration), kmod_unref);
    kmod_set_log_priority(context.get(), 0);
    return context;
}

} // namespace

ModuleInformation read_module_information(const std::string& file) {
    ModuleInformation information;
    Context context = make_context();
    Module module = open_module(context.get(), file);
    kmod_list* entries = nullptr;
    if (!module || kmod_module_get_info(module.get(), &entries) < 0) return information;
    kmod_list* entry = nullptr;
    kmod_list_foreach(entry, entries) {
        std::string_view key = kmod_module_info_get_key(entry);
        if (key == "firmware") information.firmware.emplace_back(kmod_module_info_get_value(entry));
        if (key == "alias") information.aliases.emplace_back(kmod_module_info_get_value(entry));
    }
    kmod_module_info_free_list(entries);
    return information;
}

std::vector<std::string> read_imported_symbols(const std::string& file) {
    std::vector<std::string> symbols;
    Context context = make_context();
    Module module = open_module(context.get(), file);
    kmod_list* entries = nullptr;
    if (!module || kmod_module_get_dependency_symbols(module.get(), &entries) < 0) return symbols;
    kmod_list* entry = nullptr;
    kmod_list_foreach(entry, entries) symbols.emplace_back(kmod_module_dependency_symbol_get_symbol(entry));
    kmod_module_dependency_symbols_free_list(entries);
    return symbols;
}

} // namespace mangrove
