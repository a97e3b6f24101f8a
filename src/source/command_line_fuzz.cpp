#include <cstdlib>

#include "net/ip_argument.h"
#include "net/url.h"
#include "source/source.h"

using namespace mangrove;

/// A whole kernel command line: what Mangrove reads there is understood or refused with a word, and what it
/// shows of a URL has no password.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    KernelCommandLine command_line = KernelCommandLine::parse({reinterpret_cast<const char*>(data), size});
    Result<NetworkArguments> network = parse_network_arguments(command_line);
    if (!network && network.error().what.empty()) std::abort();
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
