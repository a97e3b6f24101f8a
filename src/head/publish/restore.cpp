#include "head/publish/restore.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
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

Result<size_t> restore_all(const std::filesystem::path& directory, Host& host, std::chrono::seconds timeout) {
    size_t failed = 0;
    if (!std::filesystem::exists(directory)) return failed;
    Journal journal = TRY(Journal::open(directory, host, timeout, Journal::Interrupted::stays));
    for (const Record& publication : TRY(Journal::list(directory))) {
        const auto* forgetful = std::ranges::find(kForgetful, publication.server, &Forgetful::server);
        if (forgetful == std::end(kForgetful) || publication.state == Record::State::unpublishing
            || publication.state == Record::State::publishing)
            continue;
        Result<Journal::Restored> restored = journal.restore(publication, forgetful->renew);
        if (!restored) {
            ++failed;
            log_warning(publication.id, " is not restored: ", describe(restored.error()));
        } else if (*restored == Journal::Restored::again) {
            log_notice("restored ", publication.id);
        }
    }
    return failed;
}

} // namespace

Result<> restore(const Directories& directories) {
    LinuxHost host;
    size_t failed = TRY(restore_all(directories.publications, host, directories.lock_timeout),
                        "restoring the publications");
    failed += TRY(restore_all(directories.targets, host, directories.lock_timeout), "restoring the targets");
    if (failed == 0) return {};
    return transient_error(failed, failed == 1 ? " record was" : " records were",
                           " not restored; mangrovectl restore tries again");
}

} // namespace mangrove::head
