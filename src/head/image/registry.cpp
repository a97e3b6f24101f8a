#include "head/image/registry.h"

#include "base/text.h"
#include "head/host/program.h"

namespace mangrove::head {

static constexpr std::string_view kTransport = "docker://";
/// Another name of it, as URLs of nodes have it; skopeo's "oci:" is a layout.
static constexpr std::string_view kOtherName = "oci://";

bool is_in_registry(const std::string& source) {
    return source.starts_with(kTransport) || source.starts_with(kOtherName);
}

static std::string as_skopeo_has_it(const std::string& source) {
    return source.starts_with(kOtherName) ? text(kTransport, source.substr(kOtherName.size())) : source;
}

/// skopeo takes a tag or a digest, not both.
static std::string with_digest(const std::string& source, const std::string& digest) {
    std::string name = source.substr(0, source.find('@'));
    size_t tag = name.rfind(':');
    if (tag > name.rfind('/')) name.resize(tag);
    return text(name, "@", digest);
}

Result<> copy_from_registry(const std::string& source, const OciChoice& choice,
                            const std::filesystem::path& layout, Progress& progress) {
    if (!choice.reference.empty())
        return permanent_error("--reference cannot be used with a registry; write the tag into --from: ",
                               source, ":", choice.reference);
    std::vector<std::string> words = {"skopeo", "copy"};
    std::vector<std::string> architecture = split(choice.architecture, '/');
    if (!choice.architecture.empty()) words.push_back("--override-arch=" + architecture[0]);
    if (architecture.size() > 1) words.push_back("--override-variant=" + architecture[1]);
    std::string image = as_skopeo_has_it(source);
    words.push_back(choice.digest.empty() ? image : with_digest(image, choice.digest));
    words.push_back(text("oci:", layout.native(), ":image"));
    progress.note("copying " + source);
    TRY(run_program({.words = words, .package = "skopeo"}, progress));
    return {};
}

} // namespace mangrove::head
