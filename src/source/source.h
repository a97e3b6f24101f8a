#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "boot/boot.h"
#include "machine/kernel_command_line.h"
#include "trust/policy.h"

namespace mangrove {

/// The state of a search for a definition. The first source, or root, that needs the network brings it up for
/// all later ones.
struct Search {
    Boot& boot;
    const KernelCommandLine& command_line;
    std::optional<trust::Policy> policy = {}; ///< nothing: unsigned definitions are taken
};

/// Brings up the network, or renews its leases when it is up and the boot is being retried.
Result<> need_network(Search& search);

/// The text of a definition and its origin, in words for messages.
struct Found {
    std::string text;
    std::string origin;
    std::string_view readers = {}; ///< "every user of the node": who else can read it; empty when nobody can
    std::string signature = {};    ///< that is kept beside it; empty: none
};

/// Returns the values of `mangrove.definition=`, in their order; when there are none, "cmdline" if dracut's
/// arguments describe a root, else "dhcp".
std::vector<std::string> definition_sources(const KernelCommandLine& command_line);

/// Returns the value for messages: without the definition that it may hold, and without a password.
std::string shown_source(const std::string& source);

/// Fetches the definition that one value of `mangrove.definition=` names.
Result<Found> find_definition(Search& search, const std::string& source);

/// Reads a place that holds one text: the definition itself (it begins with "{"), or a source like
/// `https://…` or `base64:…`. `found` is the text and its place.
Result<Found> follow(Search& search, Found found);

/// One file a source; the table in source.cpp lists them.
Result<Found> find_in_argument(Search& search, const std::string& source);
Result<Found> find_in_command_line(Search& search, const std::string& source);
Result<Found> find_in_dhcp(Search& search, const std::string& source);
Result<Found> find_in_fw_cfg(Search& search, const std::string& source);
Result<Found> find_in_smbios(Search& search, const std::string& source);
Result<Found> find_in_file(Search& search, const std::string& source);
Result<Found> find_at_url(Search& search, const std::string& source);
Result<Found> find_by_tpm(Search& search, const std::string& source);

} // namespace mangrove
