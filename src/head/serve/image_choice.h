#pragma once

#include <string>
#include <vector>

#include "head/image/store.h"
#include "head/publish/record.h"

namespace mangrove::head {

/// An image that a node boots, and how it reaches it.
struct BootChoice {
    const Image* image = nullptr;
    const Record* publication = nullptr;
};

/// Finds what the value `image` of a node means: a publication ("debian-0123456789ab.iscsi"), an image by its
/// id, or the name of images, of which the one that was built last and is published counts. `over` chooses
/// where it is published several times; empty: any. The pointers are into the lists.
Result<BootChoice> choose_image(const std::string& reference, const std::string& over,
                                const std::vector<Image>& images, const std::vector<Record>& publications);

} // namespace mangrove::head
