#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

struct CsvRow {
    size_t line = 0; ///< on which it begins, from 1
    std::vector<std::string> cells = {};
};

/// Splits text into rows (RFC 4180), without empty ones. Quoted cells may hold separators, quotes ("") and
/// ends of lines. The error begins with "FILE:LINE: ".
Result<std::vector<CsvRow>> parse_csv(std::string_view contents, char separator, const std::string& file);

/// Returns the separator of a header: ',', or where it has none ';' or a tab.
char separator_of(std::string_view contents);

} // namespace mangrove::head
