#pragma once

#include <gtest/gtest.h>
#include <string>

#include "head/import/import.h"

namespace mangrove::head {

/// Returns the objects of an import, a line each: "node n1 {…}".
inline std::string objects_of(const Result<Imported>& imported) {
    if (!imported) return imported.error().what;
    std::string lines;
    for (const Object& object : imported->objects)
        lines += object.title() + " " + print_json(object.fields) + "\n";
    return lines;
}

inline std::string ignored_of(const Result<Imported>& imported) {
    return imported ? join(imported->ignored, "\n") : imported.error().what;
}

/// The message of one that must fail.
inline std::string error_of(const Result<Imported>& imported) {
    return imported ? "no error" : imported.error().what;
}

} // namespace mangrove::head
