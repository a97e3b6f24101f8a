#include "head/command/image_commands.h"

#include <cstdio>

#include "base/log.h"
#include "head/host/json.h"
#include "head/image/contents.h"
#include "head/publish/journal.h"

namespace mangrove::head {

namespace {

std::string size_as_text(uint64_t bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    uint64_t tenths = bytes * 10;
    for (; tenths >= 10240 && unit < 4; ++unit)
        tenths /= 1024;
    return unit == 0 ? text(bytes, " B") : text(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

Json description(const Image& image) {
    Json json = make_json_object();
    add_text(json.get(), "id", image.id);
    add_text(json.get(), "name", image.name);
    add_text(json.get(), "digest", image.digest);
    add_text(json.get(), "format", image.format);
    if (!image.compression.empty()) add_text(json.get(), "compression", image.compression);
    cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(image.size));
    add_text(json.get(), "file", image.file());
    add_text(json.get(), "created", image.created);
    add_text(json.get(), "source", image.source);
    if (image.kernel_version.empty()) return json;
    add_text(json.get(), "kernel_version", image.kernel_version);
    add_text(json.get(), "kernel", image.kernel());
    add_text(json.get(), "initramfs", image.initramfs());
    return json;
}

void print(const Json& json) {
    std::fputs(indented_json(json.get()).c_str(), stdout);
}

Result<Contents> contents_of(const Store& store, const std::string& reference) {
    Image image = TRY(store.find(reference));
    return parse_contents(TRY(read_file(image.contents())));
}

} // namespace

Result<UniqueFd> lock_publications(const Directories& directories) {
    // Who published nothing yet may lack the right to make the directory of root's records.
    if (!std::filesystem::exists(directories.publications)) return UniqueFd();
    return TRY(lock_records(directories.publications / Journal::kLock, directories.lock_timeout),
               "opening the records of what is published, which are root's (others: --publications)");
}

Result<> image_build(const Directories& directories, BuildRequest request, Form form) {
    Image image = TRY(build_image(Store(directories.images), std::move(request)));
    if (form == Form::json)
        print(description(image));
    else
        std::printf("%s\n", image.id.c_str());
    return {};
}

Result<> image_list(const Directories& directories, Form form) {
    std::vector<Image> images = TRY(Store(directories.images).list());
    if (form == Form::table && !images.empty())
        std::printf("%-32s %-9s %11s  %s\n", "IMAGE", "FORMAT", "SIZE", "BUILT");
    Json all(cJSON_CreateArray());
    for (const Image& image : images) {
        if (form == Form::table)
            std::printf("%-32s %-9s %11s  %s\n", image.id.c_str(), image.format.c_str(),
                        size_as_text(image.size).c_str(), image.created.c_str());
        else
            cJSON_AddItemToArray(all.get(), description(image).release());
    }
    if (form == Form::json) print(all);
    return {};
}

Result<> image_show(const Directories& directories, const std::string& reference, Form form) {
    Image image = TRY(Store(directories.images).find(reference));
    Json json = description(image);
    if (form == Form::json) {
        print(json);
        return {};
    }
    const cJSON* field = nullptr;
    cJSON_ArrayForEach(field, json.get()) {
        if (cJSON_IsString(field))
            std::printf("%-15s %s\n", field->string, field->valuestring);
        else
            std::printf("%-15s %s (%.0f bytes)\n", field->string, size_as_text(image.size).c_str(),
                        field->valuedouble);
    }
    return {};
}

Result<bool> image_diff(const Directories& directories, const std::string& before, const std::string& after) {
    Store store(directories.images);
    std::vector<std::string> lines =
        differences(TRY(contents_of(store, before)), TRY(contents_of(store, after)));
    for (const std::string& line : lines)
        std::printf("%s\n", line.c_str());
    return !lines.empty();
}

Result<> image_remove(const Directories& directories, const std::string& reference) {
    UniqueFd lock = TRY(lock_publications(directories));
    Store store(directories.images);
    Image image = TRY(store.find(reference));
    for (const Record& publication : TRY(Journal::list(directories.publications)))
        if (publication.image == image.id)
            return permanent_error(image.id, " is published; first: mangrovectl unpublish ", publication.id);
    TRY(store.remove(image));
    log_notice("removed ", image.id);
    return {};
}

} // namespace mangrove::head
