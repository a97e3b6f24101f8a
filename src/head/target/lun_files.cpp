#include "head/target/lun_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kBlock = 512;

std::unexpected<Error> too_small(const fs::path& path) {
    return permanent_error(path.native(), " would be smaller than a block of ", kBlock, " bytes");
}

/// Suggests the file that a name without a file probably meant.
std::string near_names(const fs::path& directory, const std::string& name) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (fs::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored))
        names.push_back(entry->path().filename());
    return did_you_mean(name, names);
}

Result<Backing> make_hole(const fs::path& path, uint64_t size) {
    // O_EXCL follows no link, so nothing is made where one leads.
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.is_open()) return system_error(errno, "making ", path.native());
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        int problem = errno;
        ::unlink(path.c_str());
        return system_error(problem, "giving ", path.native(), " ", size, " bytes");
    }
    return Backing{path, size, true};
}

} // namespace

Result<fs::path> place_inside(const fs::path& directory, const std::string& name) {
    std::error_code problem;
    fs::path real = fs::canonical(directory, problem);
    if (problem) return system_error(problem.value(), "opening the image directory ", directory.native());
    fs::path place = fs::weakly_canonical(real / name, problem);
    if (problem) return system_error(problem.value(), "following ", (real / name).native());
    if (place.native().starts_with(real.native() + "/")
        && !fs::is_symlink(fs::symlink_status(place, problem)))
        return place;
    return permanent_error("'", name, "' is outside the image directory ", directory.native(),
                           place == real / name || place == name ? "" : " (at " + place.native() + ")");
}

Result<Backing> file_backing(const fs::path& directory, const std::string& name, uint64_t size) {
    fs::path path = TRY(place_inside(directory, name));
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno != ENOENT) return system_error(errno, "reading ", path.native());
        if (size != 0 && size < kBlock) return too_small(path);
        if (size == 0)
            return permanent_error(path.native(), " not found", near_names(directory, name),
                                   "; create it with --size SIZE");
        return make_hole(path, size);
    }
    if (S_ISBLK(status.st_mode))
        return permanent_error(path.native(), " is a block device; did you mean --block-device?");
    if (!S_ISREG(status.st_mode)) return permanent_error(path.native(), " is not a file");
    auto there = static_cast<uint64_t>(status.st_size);
    if (size != 0 && size != there)
        return permanent_error(path.native(), " has ", there, " bytes, not ", size,
                               "; omit --size to use it as it is");
    if (there < kBlock) return too_small(path);
    return Backing{path, there};
}

Result<Backing> device_backing(const std::string& device, const std::vector<std::string>& allowed) {
    std::error_code problem;
    fs::path real = fs::canonical(device, problem);
    if (problem) return system_error(problem.value(), "following ", device, did_you_mean(device, allowed));
    auto named = std::ranges::find_if(allowed, [&](const std::string& one) {
        std::error_code ignored;
        return fs::canonical(one, ignored) == real;
    });
    if (named == allowed.end())
        return permanent_error(device,
                               " is not among the devices that the target was started with (--device)",
                               did_you_mean(device, allowed),
                               allowed.empty() ? "; there are none" : "; there are " + join(allowed, ", "));
    UniqueFd fd(::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status = {};
    if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return system_error(errno, "opening ", *named);
    if (!S_ISBLK(status.st_mode)) return permanent_error(*named, " is not a block device");
    uint64_t size = 0;
    if (::ioctl(fd.get(), BLKGETSIZE64, &size) != 0)
        return system_error(errno, "asking the size of ", *named);
    return Backing{*named, size};
}

} // namespace mangrove::head
