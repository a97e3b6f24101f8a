#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/kernel_command_line.h"
#include "source/translation.h"

namespace mangrove {

/// The mount settings of a root, independent of its server.
struct Frame {
    bool has_overlay = true; ///< what is written is kept beside the root, which is read-only
    std::string upper_size;  ///< of the memory for it, as tmpfs(5) has it; empty: the default
    Json upper;              ///< or the mount that it goes to, below `upper_path`
    std::string upper_path;
    std::optional<bool> is_writable;  ///< `rw` or `ro`; without overlay the root itself is written to
    std::string fs_type;              ///< empty: probed
    std::vector<std::string> options; ///< of mount(8)
    std::string command;              ///< empty: the default
    std::string live_image = "/LiveOS/squashfs.img"; ///< on a medium of a live system
    Json selection; ///< "label", "uuid", …: the disk or partition among those attached
};

/// Returns the frame that dracut's arguments describe: `rw`, `ro`, `rootfstype=`, `rootflags=`, `init=`,
/// `rd.overlay`, `rd.live.overlay`, … Without an overlay among them it has none.
Frame frame_of_dracut(const KernelCommandLine& command_line, Translation& translation);

/// Reads dracut's name of a disk: LABEL=…, UUID=…, PARTUUID=…, PARTLABEL=… or /dev/…, as the object of the
/// attachment `local`; nothing for other words.
Json read_disk(std::string_view written);

/// Adds options of mount(8) to the frame.
void add_mount_options(Frame& frame, std::string_view written);

/// Returns the mount of a file system on one of several attachments: on the frame's selection, else on the
/// first.
Json attach_mount(std::vector<Json> attachments, Frame& frame, Translation& translation);

/// Returns the definition around the mount of the root.
std::string definition_around(const std::string& name, Json mount, Frame frame);

/// Returns the last value of the last of these arguments that is present; later names are those of older
/// versions.
std::string last_value(const KernelCommandLine& command_line, std::initializer_list<std::string_view> names);

/// Returns whether a switch is present and not "0", "no" or "off".
bool is_on(const KernelCommandLine& command_line, std::initializer_list<std::string_view> names);

} // namespace mangrove
