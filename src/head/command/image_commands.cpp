#include "head/command/image_commands.h"

#include <cstdio>

#include "head/image/contents.h"
#include "head/publish/publishing.h"

namespace mangrove::head {

namespace {

void print_built(Call& call, const Built& built) {
    Json json = description_of(built.image);
    add_texts(json.get(), "warnings", built.warnings);
    if (call.form == Form::json)
        print(json);
    else
        print_line(built.image.id);
}

Result<Contents> contents_of(const Store& store, const std::string& reference) {
    Image image = TRY(store.find(reference));
    return parse_contents(TRY(read_file(image.contents())));
}

} // namespace

Outcome<> image_build(Call& call, BuildRequest request) {
    print_built(call, TRY(build_image(Store(call.directories.images), std::move(request), call.progress)));
    return {};
}

Outcome<> image_pull(Call& call, const PullRequest& request) {
    Image image = TRY(pull_image(Store(call.directories.images), request, call.progress));
    print_built(call, {.image = std::move(image)});
    return {};
}

Outcome<> image_change(Call& call, ChangeRequest request) {
    print_built(call, TRY(change_image(Store(call.directories.images), std::move(request), call.progress)));
    return {};
}

Outcome<> image_list(Call& call) {
    std::vector<Image> images = TRY(Store(call.directories.images).list());
    Json all(cJSON_CreateArray());
    for (const Image& image : images)
        cJSON_AddItemToArray(all.get(), description_of(image).release());
    if (call.form == Form::json) {
        print(all);
        return {};
    }
    std::printf("%-32s %-9s %11s  %s\n", "IMAGE", "FORMAT", "SIZE", "BUILT");
    for (const Image& image : images)
        std::printf("%-32s %-9s %11s  %s\n", image.id.c_str(), image.format.c_str(),
                    size_as_text(image.size).c_str(), image.created.c_str());
    if (images.empty()) hint(call, "there are no images; mangrovectl image build NAME --from SOURCE");
    return {};
}

Outcome<> image_show(Call& call, const std::string& reference) {
    Image image = TRY(Store(call.directories.images).find(reference));
    Json json = description_of(image);
    if (call.form == Form::json) {
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

Outcome<> image_diff(Call& call, const std::string& before, const std::string& after, bool& different) {
    Store store(call.directories.images);
    std::vector<std::string> lines =
        differences(TRY(contents_of(store, before)), TRY(contents_of(store, after)));
    different = !lines.empty();
    print_differences(call, lines);
    return {};
}

Outcome<> image_remove(Call& call, const std::string& reference) {
    Image image = TRY(remove_image(call.directories, reference, call.progress));
    call.progress.note("removed " + image.id);
    if (call.form == Form::table) return {};
    Json json = make_json_object();
    add_text(json.get(), "removed", image.id);
    print(json);
    return {};
}

Outcome<> image_prune(Call& call, const PruneRequest& request) {
    Pruned pruned = TRY(prune_images(call.directories, request, call.progress));
    std::vector<std::string> removed, in_use;
    for (const Image& image : pruned.removed)
        removed.push_back(image.id);
    for (const Image& image : pruned.in_use)
        in_use.push_back(image.id);
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_texts(json.get(), "removed", removed);
        add_texts(json.get(), "in_use", in_use);
        print(json);
        return {};
    }
    for (const std::string& id : removed)
        print_line(id);
    for (const std::string& id : in_use)
        call.progress.note(id + " is published and stays");
    if (removed.empty()) hint(call, "no image can be removed");
    return {};
}

} // namespace mangrove::head
