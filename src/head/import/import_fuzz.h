#pragma once

#include <cstdlib>
#include <string>

#include "head/import/import.h"
#include "head/nodes/inventory.h"

namespace mangrove::head {

/// The objects of a file pass the checks of the inventory, or fail them with a message.
inline void fuzz_import(const char* format, std::string contents) {
    Result<Imported> imported = import_text(format, contents, "file");
    if (!imported) {
        if (imported.error().what.empty()) std::abort();
        return;
    }
    Inventory empty = Inventory::from({}).value();
    Objects objects;
    for (auto& [key, object] : edits_of(*std::move(imported), empty)) {
        if (!check_object(*object)) std::abort(); // the import has checked each alone
        objects.emplace(key, std::move(*object));
    }
    if (Result<> checked = check_objects(objects); !checked) {
        if (checked.error().what.empty()) std::abort();
        return;
    }
    Inventory inventory = Inventory::from(std::move(objects)).value();
    for (const std::string& name : inventory.names("node"))
        inventory.resolve(*inventory.find("node", name));
}

} // namespace mangrove::head
