#include "source/root_path.h"

#include "base/log.h"
#include "source/dracut_root.h"
#include "source/served_root.h"

// The root-path of DHCP (option 17) as a definition; served_root.h says what may stand there.

namespace mangrove {

/// Some write the quotes of dhcpd.conf into files of other servers.
static std::string_view without_quotes(std::string_view written) {
    bool is_quoted = written.size() >= 2 && written.starts_with('"') && written.ends_with('"');
    return is_quoted ? trim(written.substr(1, written.size() - 2)) : written;
}

Result<std::string> definition_from_root_path(const Lease& lease, const KernelCommandLine& command_line) {
    Translation translation = translation_with(lease);
    bool is_for_dracut = root_words(command_line) == RootWords::dhcp;
    Frame frame;
    IscsiSettings settings;
    if (is_for_dracut) {
        frame = frame_of_dracut(command_line, translation);
        frame.selection = selected_disk(command_line);
        settings = iscsi_settings(command_line);
    }
    std::string definition = TRY(
        served_definition(without_quotes(trim(lease.root_path)), settings, std::move(frame), translation));
    for (const std::string& notice : translation.notices)
        log_notice("root-path: ", notice);
    return definition;
}

} // namespace mangrove
