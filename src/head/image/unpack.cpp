#include "head/image/unpack.h"

#include <cerrno>
#include <clocale>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/image/confined.h"
#include "head/image/layers.h"

namespace mangrove::head {

namespace {

/// Unpacks, and returns one line about what was left out; empty if nothing was.
Result<std::string> unpack_here(const UnpackRequest& request, const Advance& advance) {
    Layers layers(request.epoch, request.limits, advance);
    TRY(make_plain_directory("/."));
    for (const Tar& tar : request.tars)
        TRY(layers.unpack(tar, request.whiteouts));
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

uint64_t size_of(const Tar& tar) {
    struct stat status = {};
    return ::fstat(tar.file.get(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

Result<> check_may_unpack() {
    if (::geteuid() == 0) return {};
    return permanent_error("owners and device nodes of a tar can be kept only by root; an ordinary user can "
                           "build from a directory");
}

Result<> unpack(const UnpackRequest& request, Progress& progress) {
    TRY(check_may_unpack());
    std::setlocale(LC_CTYPE, "C.UTF-8"); // libarchive takes names as text in the locale's letters
    std::vector<int> descriptors;
    uint64_t bytes = 0;
    for (const Tar& tar : request.tars) {
        descriptors.push_back(tar.file.get());
        bytes += size_of(tar);
    }
    std::string what = request.tars.size() == 1 ? "unpacking " + request.tars[0].name
                                                : text("unpacking ", request.tars.size(), " layers");
    LongWork work(progress, what, bytes);
    std::string left_out = TRY(run_confined(
        request.directory, std::move(descriptors),
        [&](const Advance& advance) { return unpack_here(request, advance); }, progress));
    if (!left_out.empty()) progress.warn(left_out);
    return {};
}

} // namespace mangrove::head
