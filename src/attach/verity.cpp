#include "attach/verity.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "attach/attach.h"
#include "attach/kernel_words.h"
#include "attach/mapped_device.h"
#include "base/log.h"
#include "verity/corruption.h"
#include "verity/hash_tree.h"
#include "verity/superblock.h"
#include "verity/table.h"

// dm-verity over an attachment (docs/definition.md), in the format of veritysetup(8). Reads `root_hash`,
// `salt`, `hash_offset`, `data_blocks`, `no_superblock`, `hash_device` and `on_corruption`.

namespace mangrove {

namespace {

constexpr std::string_view kSpeakers[] = {"device-mapper: "};

/// A device on which there is a hash tree behind a superblock, or a tree alone.
struct TreePlace {
    std::string device;
    uint64_t size = 0;   ///< of the device, in bytes
    uint64_t offset = 0; ///< in bytes
};

/// Where the definition says nothing, an image is as large as its device: data, superblock and tree.
Result<uint64_t> offset_of_tree(const definition::Verity& wanted, const std::string& device, uint64_t size) {
    if (wanted.hash_offset) return *wanted.hash_offset;
    if (wanted.hash_device) return 0;
    std::optional<uint64_t> data_blocks = verity::data_blocks_in(size / verity::kBlock);
    if (data_blocks && size % verity::kBlock == 0) return *data_blocks * verity::kBlock;
    return permanent_error(device, ": no image with a hash tree has ", size,
                           " bytes; is it truncated, or was it built without verity? Where the device is "
                           "larger than the image, set 'hash_offset'");
}

Result<TreePlace> find_tree(Boot& boot, const definition::Verity& wanted, const std::string& data,
                            Undo& undo) {
    TreePlace place = {.device = data};
    if (wanted.hash_device) place.device = TRY(attach(boot, *wanted.hash_device, undo));
    place.size = TRY(size_of_device(boot.system, place.device));
    place.offset = TRY(offset_of_tree(wanted, place.device, place.size));
    return place;
}

Result<verity::Superblock> read_superblock(System& system, const TreePlace& place) {
    std::string operation =
        text("reading the verity superblock at byte ", place.offset, " of ", place.device);
    Result<std::string> read = system.run_bounded(operation, kTimeToAnswer, [&] {
        return system.read_part(place.device, place.offset, verity::kBlock);
    });
    if (!read && read.error().code == ETIMEDOUT)
        return transient_error(place.device, " does not answer (", read.error().what, ")");
    return TRY(verity::parse(as_bytes(TRY(std::move(read)))), operation);
}

/// All that is in the superblock of a tree, or in the definition.
struct Tree {
    verity::Superblock superblock;
    uint64_t block = 0; ///< at which it begins
};

Result<Tree> read_tree(System& system, const definition::Verity& wanted, const TreePlace& place) {
    Tree tree = {.superblock = {}, .block = place.offset / verity::kBlock};
    if (wanted.no_superblock) {
        tree.superblock.data_blocks = *wanted.data_blocks;
        return tree;
    }
    std::string where = text(place.device, ", byte ", place.offset);
    tree.superblock = TRY(read_superblock(system, place));
    ++tree.block;
    if (wanted.data_blocks && *wanted.data_blocks != tree.superblock.data_blocks)
        return permanent_error(where, ": the hash tree covers ", tree.superblock.data_blocks,
                               " blocks, and the definition has 'data_blocks' ", *wanted.data_blocks,
                               "; it belongs to another image");
    std::string salt = hex(tree.superblock.salt);
    if (wanted.salt && *wanted.salt != salt)
        return permanent_error(where, ": the hash tree has the salt '", salt,
                               "', and the definition another one; it belongs to another image, or leave out "
                               "'salt'");
    return tree;
}

/// Returns an error when the data or the tree is not whole on its device, or one is in the other.
Result<> check_sizes(const Tree& tree, const TreePlace& place, const std::string& data, uint64_t data_size) {
    uint64_t data_blocks = tree.superblock.data_blocks;
    uint64_t end_of_tree = (tree.block + verity::tree_blocks(data_blocks)) * verity::kBlock;
    for (const auto& [device, size, needed] : {std::tuple(data, data_size, data_blocks * verity::kBlock),
                                               std::tuple(place.device, place.size, end_of_tree)})
        if (size < needed)
            return permanent_error(device, " has ", size, " bytes, and the image with its hash tree ", needed,
                                   ": the image is truncated, or the tree belongs to another one; publish "
                                   "the image again");
    if (place.device == data && data_blocks * verity::kBlock > place.offset)
        return permanent_error(data, ": the hash tree at byte ", place.offset,
                               " is within the data that it covers, which has ", data_blocks * verity::kBlock,
                               " bytes; correct 'hash_offset'");
    return {};
}

Result<> load_modules(System& system) {
    TRY(system.load_module("dm-verity"),
        "'verity' needs a kernel with dm-verity, and its module in the initramfs");
    // This finds the modules that use the CPU's instructions; without them the kernel's own code is there.
    static_cast<void>(system.load_module("crypto-sha256").has_value());
    return {};
}

} // namespace

Result<Verified> verify(Boot& boot, const definition::Verity& wanted, const std::string& data, Undo& undo) {
    System& system = boot.system;
    TRY(load_modules(system));
    uint64_t data_size = TRY(size_of_device(system, data));
    TreePlace place = TRY(find_tree(boot, wanted, data, undo));
    Tree tree = TRY(read_tree(system, wanted, place));
    TRY(check_sizes(tree, place, data, data_size));
    Verified verified = {.data = data,
                         .number = TRY(read_device_attribute(system, data, "dev")),
                         .before = TRY(system.kernel_log()),
                         .root_block = tree.block};
    verity::Target target = {.data_device = verified.number,
                             .hash_device = TRY(read_device_attribute(system, place.device, "dev")),
                             .data_blocks = tree.superblock.data_blocks,
                             .tree_block = tree.block,
                             .root_hash = wanted.root_hash,
                             .salt = wanted.salt.value_or(hex(tree.superblock.salt)),
                             .restarts = wanted.on_corruption == definition::OnCorruption::restart};
    MappedDeviceRequest request = {.targets = {{"verity", verity::parameters_of(target),
                                                target.data_blocks * (verity::kBlock / kSectorSize)}}};
    // veritysetup(8) and systemd know such a device by this form.
    Result<std::string> created =
        create_mapped(system, request, text("CRYPT-VERITY-", hex(tree.superblock.uuid), "-"));
    std::string said = created ? "" : kernel_words(system, verified.before, kSpeakers);
    if (!said.empty()) created.error().what += text(" (", said, ")");
    verified.device = TRY(std::move(created));
    undo.push("removing " + verified.device, [&boot, name = request.name, device = verified.device] {
        std::erase_if(boot.timeline.verified,
                      [&](const VerifiedDevice& one) { return one.device == device; });
        return remove_mapped(boot.system, name);
    });
    TRY(wait_for_device(system, verified.device));
    boot.timeline.verified.push_back({.device = verified.device,
                                      .data = data,
                                      .root_hash = wanted.root_hash,
                                      .restarts = target.restarts});
    log_notice(data, " is verified as ", verified.device, ", root hash ", wanted.root_hash);
    return verified;
}

Result<> explain_corruption(System& system, const Verified& verified, Result<> result) {
    if (result) return result;
    std::string log = system.kernel_log().value_or("");
    if (log.starts_with(verified.before)) log.erase(0, verified.before.size());
    std::optional<verity::Corruption> found = verity::last_corruption(log, verified.number);
    if (!found) return result;
    Error error = result.error();
    error.permanence = Permanence::permanent;
    error.while_doing.insert(error.while_doing.begin(), error.what);
    // The block whose hash is the root hash: nothing of the image fits.
    error.what =
        found->is_of_tree && found->block == verified.root_block
            ? text(verified.data, ": the image does not have the root hash of the definition; publish the "
                                  "image again, or correct 'root_hash'")
            : text(verity::to_text(*found, verified.data),
                   "; the image was changed on its server: publish it again");
    return std::unexpected(std::move(error));
}

} // namespace mangrove
