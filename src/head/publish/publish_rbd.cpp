/// Ceph RBD, by rbd(8) and ceph(8): the image's file becomes an RBD image with a protected snapshot, and
/// nodes get a CephX user of their own that can only read its namespace. Which cluster: as those programs
/// find it
/// ($CEPH_CONF, $CEPH_ARGS).

#include <algorithm>
#include <cctype>
#include <cstring>
#include <ctime>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "head/publish/publish.h"

namespace mangrove::head {

namespace {

constexpr const char* kSnapshot = "published";

/// As CryptoKey::encode of Ceph has it: type 1 (AES), the time of making, length, 16 random bytes.
Result<std::string> make_key() {
    uint8_t key[28] = {1, 0};
    auto now = static_cast<uint32_t>(::time(nullptr));
    std::memcpy(key + 2, &now, sizeof now);
    key[10] = 16;
    if (RAND_bytes(key + 12, 16) != 1) return permanent_error("cannot create a key: no random bytes");
    std::string encoded(40, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), key, sizeof key);
    return encoded;
}

/// Each image lies in a namespace of its own: only by that can a CephX user be kept from all others of the
/// pool.
std::vector<Step> image_steps(const std::string& pool, const Image& image) {
    std::string place = text(pool, "/", image.id);
    std::string name = text(place, "/", image.id);
    std::string snapshot = text(name, "@", kSnapshot);
    return {
        {.words = {"rbd", "namespace", "create", place},
         .undo_words = {"rbd", "namespace", "remove", place},
         .probe = {"rbd", "namespace", "ls", pool},
         .probe_line = image.id},
        {.words = {"rbd", "import", "--no-progress", "--image-feature", "layering", image.file(), name},
         .undo_words = {"rbd", "rm", "--no-progress", name},
         .probe = {"rbd", "ls", place},
         .probe_line = image.id,
         .reads = image.file(),
         .scope = Step::Scope::of_an_earlier_step},
        {.words = {"rbd", "snap", "create", "--no-progress", snapshot},
         .undo_words = {"rbd", "snap", "purge", "--no-progress", name}},
        {.words = {"rbd", "snap", "protect", snapshot},
         .undo_words = {"rbd", "snap", "unprotect", snapshot},
         .probe = {"rbd", "info", snapshot},
         .probe_line = "protected: True",
         .scope = Step::Scope::of_an_earlier_step},
    };
}

/// The key goes by a file, for arguments can be read by every user of the machine.
void add_user(std::vector<Step>& steps, const std::string& user, const std::string& pool,
              const std::string& name_space, const std::string& key, const std::string& keyring) {
    steps.push_back(
        {.kind = Step::Kind::file,
         .path = keyring,
         .contents =
             text("[client.", user, "]\n\tkey = ", key, "\n\tcaps mon = \"profile rbd\"\n",
                  "\tcaps osd = \"profile rbd-read-only pool=", pool, " namespace=", name_space, "\"\n"),
         .secret = key});
    steps.push_back({.words = {"ceph", "auth", "import", "-i", keyring},
                     .undo_words = {"ceph", "auth", "rm", "client." + user},
                     .probe = {"ceph", "auth", "ls"},
                     .probe_line = "client." + user});
}

Json definition_part(const PublishRequest& request, const std::string& user, const std::string& key) {
    Json rbd = make_json_object();
    cJSON* monitors = cJSON_AddArrayToObject(rbd.get(), "monitors");
    for (const std::string& monitor : split(request.address, ','))
        cJSON_AddItemToArray(monitors, cJSON_CreateString(monitor.c_str()));
    add_text(rbd.get(), "pool", request.pool);
    add_text(rbd.get(), "image", request.image.id);
    add_text(rbd.get(), "snapshot", kSnapshot);
    cJSON* options = add_object(rbd.get(), "options");
    add_text(options, "name", user);
    add_text(options, "secret", key);
    add_text(options, "pool_ns", request.image.id);
    cJSON_AddBoolToObject(options, "ro", true);
    return attach_mount(request.image, "rbd", std::move(rbd));
}

/// It becomes a part of image specs, and of a keyring's capabilities.
Result<> check_pool(const std::string& pool) {
    bool is_plain =
        !pool.empty() && !pool.starts_with('-') && std::ranges::all_of(pool, [](unsigned char letter) {
            return std::isalnum(letter) || letter == '.' || letter == '_' || letter == '-';
        });
    if (is_plain) return {};
    return permanent_error("--pool: '", pool,
                           "' has other characters than letters, digits, '.', '_' and '-'");
}

} // namespace

Result<Plan> plan_rbd(Host&, const PublishRequest& request) {
    TRY(check_pool(request.pool));
    std::string user = "mangrove-" + request.image.id;
    std::string key = TRY(make_key());
    std::vector<Step> steps = image_steps(request.pool, request.image);
    add_user(steps, user, request.pool, request.image.id, key,
             text(request.records, "/", request.image.id, ".keyring"));
    return Plan{std::move(steps), definition_part(request, user, key)};
}

} // namespace mangrove::head
