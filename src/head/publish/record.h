#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/host/step.h"

namespace mangrove::head {

/// One image over one transport, or a target or one of its LUNs (target.h), as it is recorded.
struct Record {
    enum class State { publishing, published, unpublishing, restoring };

    std::string id;         ///< "debian-0123456789ab.iscsi"
    std::string image;      ///< the image's id; of a LUN, the target's
    std::string over;       ///< "iscsi"
    std::string server;     ///< "tgt"
    std::string definition; ///< JSON; of a target or a LUN, what was asked for
    std::vector<Step> steps;
    State state = State::publishing;
    size_t begun = 0; ///< so many of the steps were begun, and not taken back
};

/// Whether one of the records has this step, too, and did not take it back.
bool has_step(const std::vector<Record>& records, const Step& step);

std::string_view state_name(Record::State state);

Json to_json(const Record& record);
/// Returns what commands and the API show of a publication.
Json description_of(const Record& record);
Result<Record> read_record(const std::filesystem::path& path);

/// Beside its record, the definition of a publication that somebody has signed, in an envelope
/// (trust/envelope.h).
std::filesystem::path signed_definition_path(const std::filesystem::path& publications,
                                             const std::string& id);

} // namespace mangrove::head
