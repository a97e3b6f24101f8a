#include "system/fake/archives.h"

#include <cerrno>

namespace mangrove {

Result<Beginning> FakeArchives::look_into(const std::string& file) {
    TRY(system_.transcript().record("looking into " + file));
    std::string contents = system_.file(file).value_or("");
    auto compressed = compressed_.find(contents);
    if (compressed != compressed_.end()) contents = compressed->second;
    return Beginning{compressed != compressed_.end(), Bytes(contents.begin(), contents.end())};
}

Result<> FakeArchives::decompress(const std::string& file, const std::string& target) {
    std::string operation = text("decompressing ", file);
    TRY(system_.transcript().record(operation + " to " + target));
    if (is_full) return system_error(ENOSPC, operation);
    system_.add_file(target, compressed_[system_.file(file).value_or("")]);
    system_.remove(file);
    return {};
}

Result<> FakeArchives::unpack(const std::string& file, const std::string& directory) {
    std::string operation = text("unpacking ", file);
    TRY(system_.transcript().record(operation + " into " + directory));
    if (is_full) return system_error(ENOSPC, operation);
    auto archive = archives_.find(system_.file(file).value_or(""));
    if (archive == archives_.end()) return permanent_error(operation, ": unrecognized archive format");
    for (const auto& [path, contents] : archive->second)
        system_.add_file(directory + path, contents);
    system_.remove(file);
    return {};
}

} // namespace mangrove
