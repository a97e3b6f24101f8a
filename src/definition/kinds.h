#pragma once

#include "definition/reader.h"

namespace mangrove::definition {

/// The object of a mount ("kind" and the key of that kind). A problem leaves a Mount that must not be used.
Mount read_mount(Reader& reader);

/// Adds a problem where a mount or an attachment does not say of which kind it is.
void require_kind(Reader& reader);

/// The object of an attachment.
Attachment read_attachment(Reader& reader);

/// The object of a mount of the kind `nfs`.
void read_nfs(Reader& reader, Mount& mount);

/// `base` and, where it is "mount", `mount`.
Base read_base(Reader& reader, MountPointer& mount);

/// The mount under `key`, as a pointer.
MountPointer read_mount_pointer(Reader& reader, const std::string& key, bool required);

} // namespace mangrove::definition
