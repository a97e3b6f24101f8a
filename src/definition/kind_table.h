#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "definition/definition.h"

namespace mangrove::definition {

class Reader;

/// Everything that Mangrove knows of a kind of attachment. Lists are words with blanks between them.
struct AttachmentKind {
    std::string_view name = {};  ///< in the definition
    std::string_view doing = {}; ///< "attaching an iSCSI LUN", for messages
    bool needs_network = true;
    std::string_view secret_keys = {}; ///< a key that is secret in one kind is no name of anything in another
    std::string_view modules = {};     ///< of the kernel
    std::string_view optional_modules = {}; ///< for the initramfs, where the kernel has them
    /// Lists with commas between them: the kernel must have all modules of one of them, and has to do with
    /// any of them.
    std::string_view alternative_modules = {};
    void (*read)(Reader&, Attachment&) = nullptr;
};

/// One row a kind, in the order of AnyAttachment.
std::span<const AttachmentKind> attachment_kinds();
const AttachmentKind& kind_of(const AnyAttachment& attachment);

/// Returns whether the value of this key is secret in a kind.
bool is_secret(const AttachmentKind& kind, std::string_view key);

/// The words of a list in a row.
std::vector<std::string> words(std::string_view list);

/// Everything that Mangrove knows of a kind of mount.
struct MountKind {
    std::string_view name = {};
    std::string_view modules = {};
    std::string_view optional_modules = {};
    void (*read)(Reader&, Mount&) = nullptr;
};

/// One row a kind, in the order of AnyMount.
std::span<const MountKind> mount_kinds();

} // namespace mangrove::definition
