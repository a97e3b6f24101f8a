#include "attach/attach.h"

#include <iterator>

namespace mangrove {

namespace {

struct AttachmentKind {
    std::string_view name;
    std::string_view doing; ///< completes "while …"
    Result<std::string> (*attach)(System&, const definition::Attachment&, Undo&);
};

/// A kind whose `attach` is missing is parsed and refused.
constexpr AttachmentKind kKinds[] = {
    {"iscsi", "attaching an iSCSI LUN", attach_iscsi},
    {"rbd", "attaching an RBD image", attach_rbd},
    {"nbd", "attaching an NBD export", attach_nbd},
    {"nvme", "attaching an NVMe namespace", attach_nvme},
    {"loopback", "attaching a file as a loop device", attach_loopback},
    {"local", "finding a local disk", attach_local},
};

} // namespace

Result<std::string> attach(System& system, const definition::Attachment& attachment, Undo& undo) {
    std::string_view name = kind_name(attachment);
    for (const AttachmentKind& kind : kKinds) {
        if (kind.name != name) continue;
        if (!kind.attach)
            return permanent_error(attachment.json_path, ".kind: attachments of kind '", name,
                                   "' are not in this build");
        return TRY(
            timed(system, std::string(kind.doing), [&] { return kind.attach(system, attachment, undo); }),
            kind.doing);
    }
    return permanent_error(attachment.json_path, ".kind: unknown kind '", name, "'");
}

} // namespace mangrove
