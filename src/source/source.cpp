#include "source/source.h"

#include "definition/encoding.h"

namespace mangrove {

namespace {

struct SourceKind {
    std::string_view prefix; ///< of the argument's value
    Result<Found> (*find)(System&, const std::string& source);
};

Result<Found> find_in_file(System& system, const std::string& source) {
    std::string path = source.substr(std::string_view("file:").size());
    return Found{TRY(system.read_file(path)), path};
}

Result<Found> find_in_argument(System&, const std::string& source) {
    return Found{TRY(definition::decode(source)), "the kernel command line", true};
}

/// A source whose `find` is missing is known and refused.
constexpr SourceKind kKinds[] = {
    {"base64:", find_in_argument}, {"file:", find_in_file}, {"dhcp", nullptr},   {"http:", nullptr},
    {"https:", nullptr},           {"tftp:", nullptr},      {"fw_cfg", nullptr}, {"smbios", nullptr},
};

} // namespace

std::vector<std::string> definition_sources(const KernelCommandLine& command_line) {
    std::vector<std::string> sources = command_line.values("mangrove.definition");
    if (sources.empty()) sources.push_back("dhcp");
    return sources;
}

Result<Found> find_definition(System& system, const std::string& source) {
    std::vector<std::string> prefixes;
    for (const SourceKind& kind : kKinds) {
        prefixes.emplace_back(kind.prefix);
        if (!source.starts_with(kind.prefix)) continue;
        if (!kind.find)
            return permanent_error(
                "definitions from '", kind.prefix,
                "' are not in this build; give one as mangrove.definition=base64:… or file:…");
        return kind.find(system, source);
    }
    std::string word = source.substr(0, source.find(':') == std::string::npos ? 40 : source.find(':') + 1);
    return permanent_error("mangrove.definition: unknown source '", word, "'", did_you_mean(word, prefixes));
}

} // namespace mangrove
