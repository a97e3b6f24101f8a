#pragma once

#include "definition/definition.h"
#include "source/source.h"

namespace mangrove {

/// Returns the policy of this initramfs; nothing where it takes unsigned definitions.
Result<std::optional<trust::Policy>> read_policy(System& system);

/// Keeps it in /run for the running node, where the initramfs has one.
Result<> keep_policy(System& system);
/// Returns the policy of the initramfs that the running node came from.
Result<std::optional<trust::Policy>> read_kept_policy(System& system);

/// Parses the definition that was found, in an envelope or not, and with a policy checks its signature (its
/// own, or one of `mangrove.signature=`) and all else that the policy asks for. `found.text` is the
/// definition then, without the envelope.
Result<definition::Definition> trusted_definition(Search& search, Found& found);

} // namespace mangrove
