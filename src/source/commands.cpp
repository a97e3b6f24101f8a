#include "source/commands.h"

#include <cstdio>

#include "definition/encoding.h"
#include "source/dracut_root.h"

namespace mangrove {

/// In the place of what only a lease says.
static constexpr const char* kServer = "DHCP-SERVER";
static constexpr const char* kNode = "HOSTNAME";

static Result<Decoded> decode_root(const KernelCommandLine& command_line) {
    Translation translation{.server = kServer, .node = kNode};
    Decoded decoded;
    decoded.definition = TRY(definition_from_command_line(command_line, translation)) + "\n";
    decoded.notices = std::move(translation.notices);
    if (decoded.definition.contains(kServer))
        decoded.notices.push_back(text(kServer, " stands for the server that DHCP names"));
    if (decoded.definition.contains(kNode))
        decoded.notices.push_back(text(kNode, " stands for the node's name, or its address"));
    return decoded;
}

Result<Decoded> decode_command_line(const std::string& written) {
    KernelCommandLine command_line = KernelCommandLine::parse(written);
    RootWords words = root_words(command_line);
    if (words == RootWords::described) return decode_root(command_line);
    std::vector<std::string> sources = command_line.values("mangrove.definition");
    if (words == RootWords::dhcp || (sources.empty() && command_line.arguments().size() > 1))
        return permanent_error("the definition is not on the command line; it comes from DHCP");
    if (sources.empty()) return Decoded{TRY(definition::decode_whole(written)), {}};
    if (!sources.front().starts_with("base64:"))
        return permanent_error("the definition is not on the command line; it comes from ", sources.front());
    Decoded decoded{TRY(definition::decode_whole(sources.front())), {}};
    if (sources.size() > 1)
        decoded.notices.push_back(text("this is the first of ", sources.size(), " definitions"));
    return decoded;
}

int run_decode(const std::vector<std::string>& arguments) {
    if (arguments.empty()) {
        std::fputs("usage: mangrove decode ARGUMENT …\n", stderr);
        return 2;
    }
    Result<Decoded> decoded = decode_command_line(join(arguments, " "));
    if (!decoded) {
        std::fprintf(stderr, "mangrove: error: %s\n", describe(decoded.error()).c_str());
        return 1;
    }
    for (const std::string& notice : decoded->notices)
        std::fprintf(stderr, "mangrove: notice: %s\n", notice.c_str());
    std::fwrite(decoded->definition.data(), 1, decoded->definition.size(), stdout);
    return 0;
}

} // namespace mangrove
