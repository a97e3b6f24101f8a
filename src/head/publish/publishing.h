#pragma once

#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/host/outcome.h"
#include "head/host/progress.h"
#include "head/publish/publish.h"

/// The operations on what is published. Each opens the records and returns what it did.
namespace mangrove::head {

/// Whether an image that was published is reached as a node reaches it.
enum class Reach { is_checked, is_trusted };
/// Whether what nodes use may be taken away.
enum class InUse { is_refused, is_taken };

struct Published {
    Record publication;
    Image image;
    std::vector<std::string> warnings = {};
    bool was_taken_up = false; ///< its unpublish was interrupted, and it is served again
};

/// `reference`: of the image.
Outcome<Published> publish_image(const Directories& directories, PublishRequest request,
                                 const std::string& reference, Reach reach, Progress& progress);
/// Returns the record that `publish` would make, and changes nothing.
Result<Record> plan_publish(const Directories& directories, PublishRequest request,
                            const std::string& reference);

/// `reference`: of a publication ("debian-0123456789ab.nbd", "debian.nbd"), or of an image, all of whose
/// publications are meant. Returns those that are gone; those of an image whose third fails are two.
Outcome<std::vector<Record>> unpublish(const Directories& directories, const std::string& reference,
                                       InUse in_use, Progress& progress);

/// The records that `reference` means. An error where there is none.
Result<std::vector<Record>> find_published(const Directories& directories, const std::string& reference);
/// The only one of them; an error that lists them where there are several, with `command` for the remedy.
Result<Record> find_one_published(const Directories& directories, const std::string& reference,
                                  std::string_view command);

struct Served {
    Record publication;
    std::string problem = {}; ///< why nodes cannot reach it; empty: it is served

    bool is_served() const { return problem.empty(); }
};

/// Whether a server that has just been started gets a moment.
enum class Patience { none, a_moment };
Result<std::vector<Served>> list_published(const Directories& directories, Patience patience);

/// An error where nodes use it, that says which.
Result<> check_unused(Host& host, const Record& record, InUse in_use);

/// Removes an image from the store, unless it is published. Returns the image that is gone.
Result<Image> remove_image(const Directories& directories, const std::string& reference, Progress& progress);

/// As long as it is held nothing is published or unpublished; waits for other runs.
Result<UniqueFd> lock_publications(const Directories& directories, Progress& progress);

} // namespace mangrove::head
