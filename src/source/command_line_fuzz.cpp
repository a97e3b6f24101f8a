#include <cstdlib>

#include "definition/parse.h"
#include "net/ip_argument.h"
#include "net/url.h"
#include "source/dracut_root.h"
#include "source/source.h"

using namespace mangrove;

/// A whole kernel command line: what Mangrove reads there is understood or refused with a word, what it shows
/// of a URL has no password, and a root that it describes is one line of JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    KernelCommandLine command_line = KernelCommandLine::parse({reinterpret_cast<const char*>(data), size});
    Result<NetworkArguments> network = parse_network_arguments(command_line);
    if (!network && network.error().what.empty()) std::abort();
    Translation translation{.server = "head", .node = "node7"};
    Result<std::string> definition = definition_from_command_line(command_line, translation);
    if (!definition && definition.error().what.empty()) std::abort();
    if (definition) definition::parse_and_check(*definition);
    if (definition && !definition->starts_with("{\"name\":")) std::abort();
    for (const std::string& source : definition_sources(command_line)) {
        std::string shown = shown_source(source);
        Result<Url> url = Url::parse(source);
        if (!url) continue;
        Result<Url> again = Url::parse(url->to_text());
        if (!again || again->to_text() != url->to_text()) std::abort();
        std::string authority = shown.substr(0, shown.find('/', shown.find("://") + 3));
        if (url->scheme != Url::Scheme::file && authority.find('@') != std::string::npos) std::abort();
    }
    return 0;
}
