#include "head/publish/prune.h"

#include <algorithm>
#include <map>

#include "head/publish/journal.h"

namespace mangrove::head {

/// Returns the images of each name without the newest `keep`, the oldest first.
static std::vector<Image> older_images(std::vector<Image> all, size_t keep) {
    std::map<std::string, size_t> left;
    for (const Image& image : all)
        ++left[image.name];
    std::erase_if(all, [&](const Image& image) { return left[image.name]-- <= keep; });
    return all;
}

Result<Pruned> prune_images(const Directories& directories, const PruneRequest& request, Progress& progress) {
    UniqueFd lock = TRY(lock_publications(directories, progress));
    Store store(directories.images);
    std::vector<Record> publications = TRY(Journal::list(directories.publications));
    Pruned pruned;
    for (Image& image : older_images(TRY(store.list()), request.keep)) {
        bool is_published = std::ranges::any_of(
            publications, [&](const Record& publication) { return publication.image == image.id; });
        if (is_published) {
            pruned.in_use.push_back(std::move(image));
            continue;
        }
        if (!request.is_dry_run) TRY(store.remove(image));
        pruned.removed.push_back(std::move(image));
    }
    return pruned;
}

} // namespace mangrove::head
