#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "head/nodes/changes.h"
#include "head/nodes/objects.h"

/// Nodes and groups out of the files of other programs.
namespace mangrove::head {

/// Whether the file says all of an object, or leaves the other fields of one that is there as they are.
enum class ImportScope { whole_objects, some_fields };

struct Imported {
    std::vector<Object> objects = {};
    /// Groups that nodes name and the file does not describe; they are made where the database lacks them.
    std::vector<std::string> named_groups = {};
    /// Notes on fields that were left out or are not used yet, each with "FILE:LINE: ".
    std::vector<std::string> ignored = {};
    ImportScope scope = ImportScope::whole_objects;
};

/// "warewulf", "csv", …
std::vector<std::string> import_format_names();

/// Reads a whole file. Errors begin with "FILE:LINE: ", as does what is ignored; `file` is its name in them.
Result<Imported> import_text(const std::string& format, const std::string& contents, const std::string& file);

/// The changes of the inventory by an import.
Edits edits_of(Imported imported, const Inventory& now);

/// nodes.conf of Warewulf 4.5 to 4.7.
Result<Imported> import_warewulf(const std::string& contents, const std::string& file);
/// Nodes in lines, with fields that the first line names (RFC 4180; semicolons or tabs are taken, too).
Result<Imported> import_csv(const std::string& contents, const std::string& file);
/// Nodes and groups as `export` writes them.
Result<Imported> import_yaml(const std::string& contents, const std::string& file);
/// The lines dhcp-host= of a configuration, or the lines of a file for dhcp-hostsfile=.
Result<Imported> import_dnsmasq(const std::string& contents, const std::string& file);
Result<Imported> import_genders(const std::string& contents, const std::string& file);

} // namespace mangrove::head
