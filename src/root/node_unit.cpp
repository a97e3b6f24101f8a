#include "root/node_unit.h"

#include "machine/run_files.h"
#include "net/fetch.h"
#include "net/node_url.h"
#include "net/url.h"

namespace mangrove {

namespace {

constexpr const char* kUnits = "/run/systemd/system";

/// Where another initramfs ends the machine, the program is not there yet.
Result<> install_program(System& system) {
    if (system.path_kind(kProgramLink) != PathKind::missing) return {};
    return system.copy_file("/proc/self/exe", kProgramLink, 0755);
}

} // namespace

Result<std::string> url_of_node(System& system, const definition::Definition& definition,
                                const std::optional<NetworkConfiguration>& network,
                                const std::string& written) {
    std::optional<NetworkConfiguration> named = network;
    if (named && !definition.hostname.empty()) named->host_name = definition.hostname;
    std::string url = TRY(node_url(system, named, written));
    TRY(Url::parse(url));
    return url;
}

Result<> install_client(System& system, const std::string& url, const std::string& settings_path,
                        const std::string& settings) {
    TRY(system.make_directory(kRunDirectory));
    TRY(install_program(system));
    if (url.starts_with("https:"))
        if (std::string authorities = TRY(find_authorities(system)); authorities != kServerAuthorities)
            TRY(system.copy_file(authorities, kServerAuthorities));
    return system.write_file(settings_path, settings + "\n", 0600);
}

Result<> install_unit(System& system, const std::string& name, std::string_view written) {
    std::string wants = text(kUnits, "/multi-user.target.wants");
    TRY(system.make_directory(wants));
    TRY(system.write_file(text(kUnits, "/", name), written));
    return system.make_link(text(wants, "/", name), text("../", name));
}

} // namespace mangrove
