#include "head/image/store.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/file.h>
#include <tuple>
#include <unistd.h>

#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kBuilding = ".building-";
constexpr const char* kDescription = "image.json";
constexpr fs::perms kForThoseWhoKnowTheName = fs::perms(0711);

std::string now_as_text() {
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    tm parts = {};
    ::gmtime_r(&now.tv_sec, &parts);
    char written[32];
    ::strftime(written, sizeof written, "%Y-%m-%dT%H:%M:%S.", &parts);
    return written + text(1000 + now.tv_nsec / 1000000, "Z").substr(1);
}

void add_tree(cJSON* json, const Image& image) {
    if (image.root_hash.empty()) return;
    add_text(json, "root_hash", image.root_hash);
    cJSON_AddNumberToObject(json, "hash_offset", static_cast<double>(image.hash_offset));
}

void add_layout(cJSON* json, const Image& image) {
    if (image.block_size > 0)
        cJSON_AddNumberToObject(json, "block_size", static_cast<double>(image.block_size));
    if (!image.profile_digest.empty()) add_text(json, "profile", image.profile_digest);
}

std::string record_of(const Image& image) {
    Json json = make_json_object();
    add_text(json.get(), "name", image.name);
    add_text(json.get(), "id", image.id);
    add_text(json.get(), "digest", image.digest);
    add_text(json.get(), "format", image.format);
    add_text(json.get(), "compression", image.compression);
    add_text(json.get(), "source", image.source);
    add_text(json.get(), "created", image.created);
    cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(image.size));
    cJSON_AddNumberToObject(json.get(), "sequence", static_cast<double>(image.sequence));
    add_tree(json.get(), image);
    add_layout(json.get(), image);
    if (!image.kernel_version.empty()) add_text(json.get(), "kernel", image.kernel_version);
    if (image.posts_health) cJSON_AddTrueToObject(json.get(), "posts_health");
    return indented_json(json.get());
}

Image image_from(const Json& json) {
    return Image{.name = text_at(json.get(), "name"),
                 .id = text_at(json.get(), "id"),
                 .digest = text_at(json.get(), "digest"),
                 .format = text_at(json.get(), "format"),
                 .compression = text_at(json.get(), "compression"),
                 .source = text_at(json.get(), "source"),
                 .created = text_at(json.get(), "created"),
                 .size = number_at(json.get(), "size"),
                 .sequence = number_at(json.get(), "sequence"),
                 .root_hash = text_at(json.get(), "root_hash"),
                 .hash_offset = number_at(json.get(), "hash_offset"),
                 .block_size = number_at(json.get(), "block_size"),
                 .profile_digest = text_at(json.get(), "profile"),
                 .kernel_version = text_at(json.get(), "kernel"),
                 .posts_health =
                     cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json.get(), "posts_health")) != 0};
}

Result<Image> read_image(const fs::path& directory) {
    fs::path path = directory / kDescription;
    Image image = image_from(TRY(parse_json(TRY(read_file(path)), path.native())));
    image.id = directory.filename();
    image.directory = directory;
    return image;
}

/// One that cannot be read is passed over, for it is not the one that was built.
uint64_t next_sequence(const fs::path& store) {
    uint64_t last = 0;
    std::error_code problem;
    for (fs::directory_iterator entry(store, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (Result<Image> image = read_image(entry->path())) last = std::max(last, image->sequence);
    return last + 1;
}

/// The image itself stays: it has these bytes, and servers may have it open.
Result<> renew(const Image& image, const fs::path& from) {
    Image before = TRY(read_image(image.directory));
    std::vector<fs::path> files = {image.contents(), image.packages(), image.directory / kDescription};
    if (!image.profile_digest.empty()) files.insert(files.begin(), image.profile());
    if (!image.kernel_version.empty()) files.insert(files.begin(), {image.kernel(), image.initramfs()});
    for (const fs::path& file : files)
        TRY(rename_file(from / file.filename(), file));
    if (!before.kernel_version.empty() && before.kernel_version != image.kernel_version)
        for (const fs::path& file : {before.kernel(), before.initramfs()})
            TRY(remove_tree(file));
    return write_to_disk(image.directory);
}

} // namespace

Result<> check_image_name(const std::string& name) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (name.empty() || name.size() > 64 || name[0] == '.' || name[0] == '-'
        || name.find_first_not_of(kLetters) != std::string::npos)
        return permanent_error("an image cannot be called '", name,
                               "': a name has up to 64 letters, digits, '.', '_' and '-' and begins with a "
                               "letter or digit");
    return {};
}

std::string portable_record_of(Image image) {
    image.created.clear();
    image.sequence = 0;
    return record_of(image);
}

Result<Image> image_from_portable_record(const std::string& record) {
    Image image = image_from(TRY(parse_json(record, "the record of the image")));
    TRY(check_image_name(image.name));
    auto is_plain = [](const std::string& word) {
        constexpr std::string_view kLetters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-";
        return word.size() <= 64 && word.find_first_not_of(kLetters) == std::string::npos;
    };
    auto is_hex = [](std::string_view digits) {
        return digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    };
    bool has_digest = image.digest.starts_with("sha256:") && is_hex(std::string_view(image.digest).substr(7));
    bool is_valid = has_digest && image.id == text(image.name, "-", image.digest.substr(7, 12))
                    && (image.format == "squashfs" || image.format == "erofs" || image.format == "ext4")
                    && (image.root_hash.empty() || is_hex(image.root_hash)) && is_plain(image.kernel_version)
                    && is_plain(image.compression);
    if (!is_valid) return permanent_error("the record of the image is damaged");
    return image;
}

Result<std::vector<Image>> Store::list() const {
    std::vector<Image> images;
    std::error_code problem;
    if (!fs::exists(directory_, problem)) return images;
    for (fs::directory_iterator entry(directory_, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored;
        if (entry->path().filename().native().starts_with(kBuilding)
            || !fs::exists(entry->path() / kDescription, ignored))
            continue;
        Result<Image> image = read_image(entry->path());
        if (!image && image.error().code == ENOENT) continue; // it has just been removed
        images.push_back(TRY(std::move(image)));
    }
    if (problem) return system_error(problem.value(), "reading ", directory_.native());
    std::ranges::sort(images, {},
                      [](const Image& image) { return std::tie(image.name, image.sequence, image.created); });
    return images;
}

Result<Image> Store::find(const std::string& reference) const {
    std::vector<Image> images = TRY(list());
    std::vector<std::string> names;
    std::vector<const Image*> matching;
    const Image* newest = nullptr;
    for (const Image& image : images) {
        if (image.id == reference) return image;
        if (image.name == reference) newest = &image;
        if (reference.size() > image.name.size() && image.id.starts_with(reference))
            matching.push_back(&image);
        names.push_back(image.name);
        names.push_back(image.id);
    }
    if (newest) return *newest;
    if (matching.size() == 1) return *matching[0];
    if (matching.size() > 1)
        return permanent_error("'", reference, "' can be ", matching[0]->id, " or ", matching[1]->id);
    return permanent_error("there is no image '", reference, "' in ", directory_.native(),
                           did_you_mean(reference, names));
}

Result<Store::Workshop> Store::open_workshop() const {
    std::error_code problem;
    bool is_new = !fs::exists(directory_, problem);
    TRY(make_directories(directory_), "opening the image store (another one: --store)");
    // Servers that run as another user, such as nbd-server, find an image by its name; nobody else learns the
    // names.
    if (is_new) fs::permissions(directory_, kForThoseWhoKnowTheName, problem);
    // A directory that is not locked yet is one that a killed build left, for any other build.
    UniqueFd held(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held.is_open() || ::flock(held.get(), LOCK_EX) != 0)
        return system_error(errno, "locking ", directory_.native());
    for (fs::directory_iterator entry(directory_, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        if (!entry->path().filename().native().starts_with(kBuilding)) continue;
        Result<UniqueFd> lock = try_lock(entry->path() / "lock");
        if (!lock && lock.error().code == ENOENT) continue; // it has just been removed
        if (TRY(std::move(lock)).is_open()) TRY(remove_tree(entry->path()));
    }
    std::string name = directory_ / text(kBuilding, "XXXXXX");
    if (!::mkdtemp(name.data())) return system_error(errno, "making a directory in ", directory_.native());
    Stage stage{fs::path(name)};
    UniqueFd lock = TRY(try_lock(stage.path / "lock"));
    return Workshop{std::move(lock), std::move(stage)};
}

Result<Image> Store::add(Image image, const fs::path& from) const {
    image.directory = directory_of(image.id);
    image.created = now_as_text();
    image.sequence = next_sequence(directory_);
    TRY(write_file(from / kDescription, record_of(image)));
    std::error_code problem;
    for (fs::directory_iterator entry(from, problem), end; !problem && entry != end; entry.increment(problem))
        TRY(write_to_disk(entry->path()));
    if (problem) return system_error(problem.value(), "reading ", from.native());
    if (fs::exists(image.directory / kDescription)) {
        TRY(renew(image, from), "renewing ", image.id);
        return image;
    }
    fs::permissions(from, kForThoseWhoKnowTheName, problem);
    TRY(rename_file(from, image.directory));
    TRY(write_to_disk(directory_));
    return image;
}

Result<> Store::remove(const Image& image) const {
    // Out of the list first: one that is half removed must not be found.
    fs::path leaving = directory_ / text(kBuilding, "removing-", image.id);
    TRY(rename_file(image.directory, leaving));
    return remove_tree(leaving);
}

Json description_of(const Image& image) {
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
    add_tree(json.get(), image);
    add_layout(json.get(), image);
    if (image.kernel_version.empty()) return json;
    add_text(json.get(), "kernel_version", image.kernel_version);
    add_text(json.get(), "kernel", image.kernel());
    add_text(json.get(), "initramfs", image.initramfs());
    cJSON_AddBoolToObject(json.get(), "posts_health", image.posts_health);
    return json;
}

} // namespace mangrove::head
