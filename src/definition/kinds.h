#pragma once

#include "definition/reader.h"

namespace mangrove::definition {

/// Reads the object of a mount ("kind" and the key of that kind). After a problem the Mount must not be used.
Mount read_mount(Reader& reader);

/// Adds a problem when a mount or an attachment has no kind.
void require_kind(Reader& reader);

/// Reads the object of an attachment.
Attachment read_attachment(Reader& reader);

/// Reads the object of a mount of the kind `nfs`.
void read_nfs(Reader& reader, Mount& mount);

/// Reads `base` and, when it is "mount", `mount`.
Base read_base(Reader& reader, MountPointer& mount);

/// Reads the mount under `key`, as a pointer.
MountPointer read_mount_pointer(Reader& reader, const std::string& key, bool required);

} // namespace mangrove::definition
