#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Everything is empty where the file is not a module.
struct ModuleInformation {
    std::vector<std::string> firmware;
    std::vector<std::string> aliases; ///< "pci:v00008086d…"
};

/// Reads the section .modinfo of a module's file, which may be compressed.
ModuleInformation read_module_information(const std::string& file);
/// Returns the symbols of the kernel and of other modules that the module uses; empty without a symbol table.
std::vector<std::string> read_imported_symbols(const std::string& file);

} // namespace mangrove
