#include "attach/attach.h"

#include <iterator>

#include "base/log.h"

namespace mangrove {

namespace {

struct AttachmentKind {
    std::string_view name;
    std::string_view doing; ///< completes "while …"
    Result<std::string> (*attach)(System&, const definition::Attachment&, Undo&);
    Result<> (*release)(System&); ///< null: nothing is left of it
};

/// In the order in which they are released: loop devices stand on others. A kind whose `attach` is missing is
/// parsed and refused.
constexpr AttachmentKind kKinds[] = {
    {"loopback", "attaching a file as a loop device", attach_loopback, release_loopback},
    {"iscsi", "attaching an iSCSI LUN", attach_iscsi, release_iscsi},
    {"rbd", "attaching an RBD image", attach_rbd, release_rbd},
    {"nbd", "attaching an NBD export", attach_nbd, release_nbd},
    {"nvme", "attaching an NVMe namespace", attach_nvme, release_nvme},
    {"local", "finding a local disk", attach_local, nullptr},
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

void release_all(System& system) {
    for (const AttachmentKind& kind : kKinds)
        if (Result<> released = kind.release ? kind.release(system) : Result<>(); !released)
            log_warning("releasing what is attached of ", kind.name, ": ", released.error().what,
                        ", ignoring");
}

} // namespace mangrove
