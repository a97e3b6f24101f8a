#include "head/publish/output_format.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "definition/encoding.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kNames[] = {"definition", "argument", "dnsmasq", "kea", "ipxe"};

/// Without the blanks, which an option or a command line has no room for.
Result<std::string> encoded(const std::string& definition) {
    Json json = TRY(parse_json(definition, "the definition"));
    std::unique_ptr<char, decltype(&cJSON_free)> compact(cJSON_PrintUnformatted(json.get()), cJSON_free);
    return definition::encode(compact.get());
}

/// dnsmasq sends no option of more than 255 bytes, so a longer definition goes by a web server.
std::string dnsmasq_lines(const Image& image, const std::string& value) {
    std::string lines = "# Mangrove: the definition of " + image.id + "\n";
    if (value.size() <= 255) return lines + "dhcp-option-force=224," + value + "\n";
    return lines
           + text("# It takes ", value.size(),
                  " bytes and an option holds 255: put the definition where a web\n",
                  "# server has it, under this name\n", "dhcp-option-force=224,http://SERVER/", image.id,
                  ".json\n");
}

/// Kea cuts a long option into several (RFC 3396), which the nodes put together again.
std::string kea_snippet(const std::string& value) {
    return text(
        "\"option-def\": [ { \"name\": \"mangrove-definition\", \"code\": 224, \"type\": \"string\", "
        "\"space\": \"dhcp4\" } ],\n",
        "\"option-data\": [ { \"name\": \"mangrove-definition\", \"code\": 224, \"space\": \"dhcp4\", "
        "\"csv-format\": true,\n    \"always-send\": true, \"data\": \"",
        value, "\" } ]\n");
}

/// Its names are relative: kernel and initramfs lie beside the script. `arguments` is iPXE's setting of the
/// site (docs/pxe.md), and BOOTIF= keeps the node to the card that it has booted from.
std::string ipxe_script(const Image& image, const std::string& value) {
    std::string version = image.kernel_version.empty() ? "VERSION" : image.kernel_version;
    std::string note = image.kernel_version.empty()
                           ? "# The image has no kernel: put in the names of one and of its initramfs.\n"
                           : "";
    return text("#!ipxe\n", note, "kernel vmlinuz-", version, " initrd=initramfs-", version,
                " BOOTIF=01-${netX/mac:hexhyp} mangrove.definition=", value,
                " ${arguments}\ninitrd initramfs-", version, "\nboot\n");
}

} // namespace

std::vector<std::string> output_format_names() {
    return {std::begin(kNames), std::end(kNames)};
}

Result<OutputFormat> output_format_from(const std::string& name) {
    const auto* known = std::ranges::find(kNames, name);
    if (known != std::end(kNames)) return static_cast<OutputFormat>(known - std::begin(kNames));
    std::vector<std::string> names = output_format_names();
    return permanent_error("--print: unknown form '", name, "'", did_you_mean(name, names), "; there are ",
                           join(names, ", "));
}

/// The version becomes part of file names and of a script that the firmware runs.
static Result<> check_kernel_version(const Image& image) {
    bool is_plain = std::ranges::all_of(image.kernel_version, [](unsigned char letter) {
        return std::isalnum(letter)
               || std::string_view("._+~-").find(static_cast<char>(letter)) != std::string_view::npos;
    });
    if (is_plain && image.kernel_version.size() <= 64) return {};
    return permanent_error("the kernel version of ", image.id,
                           " has characters that no kernel version has: '", image.kernel_version, "'");
}

Result<std::string> render(const std::string& definition, const Image& image, OutputFormat format) {
    if (format == OutputFormat::definition) return definition;
    std::string value = TRY(encoded(definition));
    TRY(check_image_name(image.id));
    switch (format) {
    case OutputFormat::argument:
        return text("mangrove.definition=", value, "\n");
    case OutputFormat::dnsmasq:
        return dnsmasq_lines(image, value);
    case OutputFormat::kea:
        return kea_snippet(value);
    default:
        TRY(check_kernel_version(image));
        return ipxe_script(image, value);
    }
}

} // namespace mangrove::head
