#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "head/nodes/database.h"

/// Releases: each names everything that a node boots, and never changes.
namespace mangrove::head {

struct ReleaseFiles {
    std::string set;
    std::string revision; ///< "base-0123456789ab"
    std::string moment = "boot";

    bool operator==(const ReleaseFiles&) const = default;
};

struct Release {
    std::string id = {};          ///< "r-0123456789ab": with the first digits of the SHA-256 of its JSON
    std::string publication = {}; ///< "debian-0123456789ab.iscsi"
    std::vector<ReleaseFiles> files = {}; ///< the later ones are above the earlier ones
    std::vector<std::string> arguments = {};
    Json definition = make_json_object(); ///< its members replace those of the publication's definition
    uint64_t read_at = 0;                 ///< revision of the database; 0: not kept yet

    std::string key() const { return "release/" + id; }
};

/// Returns the JSON from which the id is made; equal releases are equal texts.
std::string to_json(const Release& release);
Result<Release> release_from(const Entry& entry);

/// Keeps a release and fills its id in. An equal one that is there already stays.
Result<Release> make_release(Database& database, Release release);
Result<std::vector<Release>> list_releases(Database& database);
/// By its id, or by enough of it ("r-3f1c"). The error suggests a release.
Result<Release> find_release(Database& database, const std::string& reference);
/// Removes a release. An error while a node is committed to it or moves to it, or a rollout that has not
/// ended uses it.
Result<Release> remove_release(Database& database, const std::string& reference);

/// Keeps the signed definition of a release, in an envelope (trust/envelope.h), in the place of an earlier
/// one.
Result<> keep_signed_definition(Database& database, const Release& release, const std::string& envelope);
/// Returns the envelopes by the ids of their releases.
Result<std::map<std::string, std::string>> signed_definitions(Database& database);

/// Returns a write that makes the transaction fail when the release is removed meanwhile; belongs to each
/// transaction that begins to use it.
Write keep_release(const Release& release);

} // namespace mangrove::head
