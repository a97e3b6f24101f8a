#include "head/publish/restore.h"

#include <algorithm>
#include <iterator>

#include "head/publish/journal.h"
#include "head/publish/lio.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

namespace {

struct Forgetful {
    std::string_view server;
    Journal::Renew renew;
};

/// The others read files, or keep what they serve themselves.
constexpr Forgetful kForgetful[] = {{"tgt", renew_tgt}, {"lio", renew_lio}};

Result<> restore_all(const std::filesystem::path& directory, const Directories& directories,
                     Progress& progress, Restored& done) {
    if (!std::filesystem::exists(directory)) return {};
    LinuxHost host(progress);
    Journal journal =
        TRY(Journal::open(directory, host, progress, directories.lock_timeout, Journal::Interrupted::stays));
    for (const Record& record : TRY(Journal::list(directory))) {
        const auto* forgetful = std::ranges::find(kForgetful, record.server, &Forgetful::server);
        if (forgetful == std::end(kForgetful) || record.state == Record::State::unpublishing
            || record.state == Record::State::publishing)
            continue;
        Result<Journal::Restored> restored = journal.restore(record, forgetful->renew);
        if (!restored)
            done.failed.push_back({record.id, std::move(restored).error()});
        else if (*restored == Journal::Restored::again)
            done.again.push_back(record.id);
    }
    return {};
}

} // namespace

Result<Restored> restore(const Directories& directories, Progress& progress) {
    Restored done;
    TRY(restore_all(directories.publications, directories, progress, done), "restoring the publications");
    TRY(restore_all(directories.targets, directories, progress, done), "restoring the targets");
    return done;
}

} // namespace mangrove::head
