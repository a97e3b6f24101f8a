#include "head/serve/image_choice.h"

#include <algorithm>

namespace mangrove::head {

namespace {

Result<const Record*> published(const std::string& image, const std::string& over,
                                const std::vector<Record>& publications) {
    std::vector<const Record*> found;
    for (const Record& one : publications)
        if (one.image == image && one.state == Record::State::published && (over.empty() || one.over == over))
            found.push_back(&one);
    if (found.empty()) return nullptr;
    if (found.size() == 1) return found[0];
    std::vector<std::string> ids;
    for (const Record* one : found)
        ids.push_back(one->id);
    return permanent_error("image ", image, ": published as ", join(ids, " and "),
                           "; name one of them, or set values.over");
}

std::vector<std::string> known(const std::vector<Image>& images, const std::vector<Record>& publications) {
    std::vector<std::string> names;
    for (const Image& image : images)
        names.insert(names.end(), {image.name, image.id});
    for (const Record& publication : publications)
        names.push_back(publication.id);
    return names;
}

} // namespace

Result<BootChoice> choose_image(const std::string& reference, const std::string& over,
                                const std::vector<Image>& images, const std::vector<Record>& publications) {
    auto image_of = [&](const Record& record) {
        auto found = std::ranges::find(images, record.image, &Image::id);
        return found == images.end() ? nullptr : &*found;
    };
    auto record = std::ranges::find(publications, reference, &Record::id);
    if (record != publications.end()) {
        const Image* image = image_of(*record);
        if (!image)
            return permanent_error("publication ", reference, ": its image ", record->image, " is gone");
        if (record->state == Record::State::published) return BootChoice{image, &*record};
        return permanent_error("publication ", reference, ": it is ", state_name(record->state),
                               "; mangrovectl publish ", record->image, " --over ", record->over);
    }
    bool exists = false;
    BootChoice chosen;
    for (const Image& image : images) {
        if (image.id != reference && image.name != reference) continue;
        exists = true;
        if (chosen.image && chosen.image->sequence > image.sequence) continue;
        const Record* publication = TRY(published(image.id, over, publications));
        if (publication) chosen = {&image, publication};
    }
    if (chosen.image) return chosen;
    if (exists)
        return permanent_error("image ", reference, ": not published; mangrovectl publish ", reference,
                               " --over ", over.empty() ? "iscsi" : over);
    return permanent_error("image ", reference, ": there is no image or publication of this name",
                           did_you_mean(reference, known(images, publications)));
}

} // namespace mangrove::head
