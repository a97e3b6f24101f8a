#include "head/image/unpack.h"

#include <cerrno>
#include <clocale>
#include <unistd.h>

#include "base/log.h"
#include "head/host/files.h"
#include "head/image/confined.h"
#include "head/image/layers.h"

namespace mangrove::head {

namespace {

/// What was left out, in one line; empty if nothing was.
Result<std::string> unpack_here(const UnpackRequest& request) {
    Layers layers(request.epoch, request.limits);
    TRY(make_plain_directory("/."));
    for (size_t i = 0; i < request.tars.size(); ++i) {
        if (request.tars.size() > 1) log_notice("unpacking layer ", i + 1, " of ", request.tars.size());
        TRY(layers.unpack(request.tars[i], request.whiteouts));
    }
    TRY(layers.finish());
    const LeftOut& left_out = layers.left_out();
    if (left_out.count == 0) return "";
    return text("left out ", left_out.count,
                left_out.count == 1 ? " attribute or name" : " attributes or names",
                " that the image cannot hold; the first: ", left_out.first);
}

} // namespace

Result<Tar> open_tar(const std::filesystem::path& path) {
    return Tar{path.native(), TRY(open_regular_file(path))};
}

Result<> check_may_unpack() {
    if (::geteuid() == 0) return {};
    return permanent_error("owners and device nodes of a tar can be kept only by root; an ordinary user can "
                           "build from a directory");
}

Result<> unpack(const UnpackRequest& request) {
    TRY(check_may_unpack());
    std::setlocale(LC_CTYPE, "C.UTF-8"); // libarchive takes names as text in the locale's letters
    std::vector<int> descriptors;
    for (const Tar& tar : request.tars)
        descriptors.push_back(tar.file.get());
    std::string left_out =
        TRY(run_confined(request.directory, std::move(descriptors), [&] { return unpack_here(request); }));
    if (!left_out.empty()) log_notice(left_out);
    return {};
}

} // namespace mangrove::head
