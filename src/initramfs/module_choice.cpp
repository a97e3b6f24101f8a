#include "initramfs/module_choice.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "base/text.h"
#include "definition/kind_table.h"
#include "initramfs/driver_set.h"

namespace mangrove {

namespace {

struct Choice {
    std::string_view name;
    std::vector<std::string> modules;
    std::vector<std::string> optional_modules;
    std::vector<std::string> alternatives = {}; ///< lists of modules
};

const std::vector<Choice>& cards() {
    static const std::vector<Choice> choices = {
        {"virtio", {"virtio_pci", "virtio_net", "virtio_blk", "virtio_scsi"}, {"qemu_fw_cfg"}},
        {"none", {}, {}},
    };
    return choices;
}

/// The kinds of attachments and mounts that need modules.
std::vector<Choice> transports() {
    std::vector<Choice> choices;
    auto add = [&](const auto& kind) {
        choices.push_back(
            {kind.name, definition::words(kind.modules), definition::words(kind.optional_modules)});
    };
    for (const definition::AttachmentKind& kind : definition::attachment_kinds()) {
        add(kind);
        if (!kind.alternative_modules.empty())
            choices.back().alternatives = split(kind.alternative_modules, ',');
    }
    for (const definition::MountKind& kind : definition::mount_kinds())
        if (!kind.modules.empty()) add(kind);
    return choices;
}

/// Returns the choices that are named; all if none is.
Result<std::vector<Choice>> choose(const std::vector<Choice>& choices, std::string_view option,
                                   const std::vector<std::string>& names) {
    if (names.empty()) return choices;
    std::vector<Choice> chosen;
    std::vector<std::string> known;
    for (const Choice& choice : choices)
        known.emplace_back(choice.name);
    for (const std::string& name : names) {
        auto found = std::ranges::find(choices, name, &Choice::name);
        if (found == choices.end())
            return permanent_error(option, ": unknown '", name, "'", did_you_mean(name, known),
                                   "; known: ", join(known, ", "));
        chosen.push_back(*found);
    }
    return chosen;
}

enum class Wish { named, usual };

/// Without an errno an error says only that there is no such module.
bool is_missing(const Result<>& added) {
    return !added && added.error().code == 0;
}

/// Adds all of the alternatives that the kernel has; an error when it has none.
Result<> add_alternatives(ModuleSet& modules, const std::vector<std::string>& alternatives,
                          const std::string& reason) {
    std::vector<std::string> missing;
    for (const std::string& alternative : alternatives) {
        Result<> added = modules.add(definition::words(alternative), reason);
        if (!added && !is_missing(added)) return added;
        if (!added) missing.push_back(added.error().what);
    }
    if (alternatives.empty() || missing.size() < alternatives.size()) return {};
    return permanent_error("none of its drivers is there: ", join(missing, "; "));
}

/// Without a name, a module that the kernel lacks is no error: RHEL's has no nbd.
Result<> check(Result<> added, Wish wish) {
    if (wish == Wish::named || !is_missing(added)) return added;
    std::fprintf(stderr, "mangrove: warning: %s, skipping it\n", added.error().what.c_str());
    return {};
}

/// libkmod opens all of them, and would wait for a FIFO or use a device that another's tree has there.
Result<> check_indexes(const std::string& directory) {
    std::error_code problem;
    for (std::filesystem::directory_iterator entry(directory, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored; // where a link leads nowhere there is nothing to open
        std::filesystem::file_status status = entry->status(ignored);
        if (entry->path().filename().native().starts_with("modules.") && exists(status)
            && !is_regular_file(status))
            return permanent_error(entry->path().native(), " is not a regular file");
    }
    return {};
}

} // namespace

Result<ModuleSet> choose_modules(const ModuleTree& tree, const ModuleWishes& wishes) {
    // Without the list libkmod knows of no module, and the first one would be said to be missing.
    if (!std::filesystem::exists(tree.directory + "/modules.dep.bin"))
        return permanent_error(tree.directory,
                               "/modules.dep.bin not found: no modules of a kernel there "
                               "(--kernel VERSION, --modules DIRECTORY), or depmod has not run");
    TRY(check_indexes(tree.directory));
    ModuleSet modules(tree);
    for (const Choice& card : TRY(choose(cards(), "--for", wishes.cards))) {
        TRY(modules.add(card.modules, text("card ", card.name)));
        TRY(modules.add_if_present(card.optional_modules, text("card ", card.name)));
    }
    for (const std::string& name : wishes.drivers) {
        if (const DriverSet* set = find_driver_set(name)) {
            auto belongs = [&](const std::string& path) { return is_of_driver_set(*set, modules, path); };
            TRY(modules.add_matching(belongs, "driver " + name));
            TRY(modules.add_if_present(set->others, "driver " + name));
        } else {
            TRY(modules.add({name}, "driver " + name));
        }
    }
    Wish wish = wishes.transports.empty() ? Wish::usual : Wish::named;
    for (const Choice& transport : TRY(choose(transports(), "--transports", wishes.transports))) {
        std::string reason = text("transport ", transport.name);
        TRY(check(modules.add(transport.modules, reason), wish));
        TRY(check(add_alternatives(modules, transport.alternatives, reason), wish));
        TRY(modules.add_if_present(transport.optional_modules, reason));
    }
    const std::vector<std::string> usual = {"ext4", "squashfs", "erofs"};
    wish = wishes.filesystems.empty() ? Wish::usual : Wish::named;
    for (const std::string& name : wishes.filesystems.empty() ? usual : wishes.filesystems)
        TRY(check(modules.add({"fs-" + name}, "file system " + name), wish));
    TRY(modules.add({"overlay"}, "mount overlay"));
    TRY(modules.add_if_present({"dm-verity", "crypto-sha256"}, "verity"));
    TRY(modules.add_if_present({"dm-mod", "loop"}, "tables of squashfs"));
    TRY(modules.add_if_present({"tpm_tis", "tpm_crb"}, "TPM"));
    TRY(modules.add_if_present({"8021q", "bonding"}, "vlan= and bond="));
    // iTCO_wdt is a device of the one or the other, depending on the chipset.
    TRY(modules.add_if_present(
        {"iTCO_wdt", "lpc_ich", "i2c_i801", "sp5100_tco", "hpwdt", "wdat_wdt", "i6300esb"}, "watchdog"));
    return modules;
}

} // namespace mangrove
