#include "head/serve/needs_restart.h"

#include <algorithm>

#include "base/json.h"
#include "definition/masked.h"
#include "trust/envelope.h"
#include "trust/node_files.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

bool are_equal(const cJSON* one, const cJSON* other) {
    return (!one && !other) || (one && other && cJSON_Compare(one, other, true));
}

/// Takes the rendered files out of the layers, and returns their digests.
Words take_files(cJSON* mount) {
    cJSON* overlay = cJSON_GetObjectItemCaseSensitive(mount, "overlay");
    cJSON* lower = cJSON_GetObjectItemCaseSensitive(overlay, "lower");
    Words digests;
    for (int i = cJSON_GetArraySize(lower) - 1; i >= 0; --i) {
        const cJSON* uri = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(lower, i), "uri");
        if (!text_at(uri, "uri").contains("/n/files/")) continue;
        digests.push_back(text_at(uri, "digest"));
        cJSON_DeleteItemFromArray(lower, i);
    }
    return digests;
}

/// Returns the members in which two definitions differ. Where nodes post to, and how often, is of no matter
/// to a node that runs.
Words differences(cJSON* booted, cJSON* served) {
    cJSON* mount = cJSON_GetObjectItemCaseSensitive(booted, "mount");
    cJSON* other_mount = cJSON_GetObjectItemCaseSensitive(served, "mount");
    Words reasons;
    if (take_files(mount) != take_files(other_mount)) reasons.emplace_back("files");
    if (!are_equal(mount, other_mount)) reasons.emplace_back("image or layers");
    for (const char* ignored : {"mount", "release", "report", "health", "files"}) {
        cJSON_DeleteItemFromObjectCaseSensitive(booted, ignored);
        cJSON_DeleteItemFromObjectCaseSensitive(served, ignored);
    }
    if (!are_equal(booted, served)) reasons.emplace_back("definition");
    return reasons;
}

std::string shown_release(const std::string& release) {
    return release.empty() ? "no release" : "release " + release;
}

/// Returns a signed definition as the node reads it, and others as they are.
Result<std::string> opened(const std::string& definition, const Words& macs) {
    return trust::with_own_files(TRY(trust::with_additions(TRY(trust::open_envelope(definition)))), macs);
}

Words reasons_of(const cJSON* report, const ServedNode& node, const ServedBoot& boot) {
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "fallback")))
        return {"booted a fallback of its definition"};
    std::string release = text_at(report, "release");
    if (release != node.release)
        return {text("booted ", shown_release(release), ", would boot ", shown_release(node.release))};
    Words reasons;
    // An image of an earlier version does not tell it.
    std::string served = text_at(report, "served");
    if (!served.empty() && served != boot.digest)
        reasons.emplace_back("kernel, initramfs or kernel arguments");
    Json booted(cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(report, "masked_definition"), true));
    Json now(cJSON_Parse(definition::masked(opened(boot.definition, node.macs).value_or("")).c_str()));
    for (std::string& reason : differences(booted.get(), now.get()))
        reasons.push_back(std::move(reason));
    return reasons;
}

} // namespace

NeedsRestart needs_restart(const BootTable& table, const Words& nodes, const BootReports& reports) {
    NeedsRestart all;
    for (const std::string& name : nodes) {
        const ServedNode* node = table.by_name(name);
        const ServedBoot* boot = node ? node->boot_of(node->release) : nullptr;
        std::optional<BootReport> last = reports.last_of(name);
        const cJSON* report = last ? last->report.get() : nullptr;
        if (!report)
            all.unknown["has not reported"].push_back(name);
        else if (!text_at(report, "failure").empty())
            all.unknown["its last boot failed"].push_back(name);
        else if (!boot || !boot->problem.empty())
            all.unknown["cannot boot now"].push_back(name);
        else
            for (const std::string& reason : reasons_of(report, *node, *boot))
                all.reasons[reason].push_back(name);
    }
    return all;
}

} // namespace mangrove::head
