#pragma once

#include "head/image/build.h"

namespace mangrove::head {

struct ChangeRequest {
    std::string reference;            ///< of the image
    std::vector<std::string> command; ///< runs in it
    bool is_interactive = false;      ///< has the terminal; else its output becomes notes
    BuildRequest build = {};          ///< of the new image; what is empty is that of the image
};

/// Runs a command in a copy of an image and builds a new image from what it leaves. The command is root in
/// namespaces of its own (mounts, processes, IPC, host name), with the machine's network and without the
/// capabilities over the machine itself. A command that fails makes no image. Moves this thread into another
/// mount namespace.
Result<Built> change_image(const Store& store, ChangeRequest request, Progress& progress);

} // namespace mangrove::head
