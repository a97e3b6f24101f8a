#include "head/serve/boot_script.h"

#include <algorithm>
#include <cctype>

#include "head/host/json.h"

namespace mangrove::head {

namespace {

std::string ask_again(const std::string& base, std::chrono::seconds pause) {
    return text("sleep ", pause.count(), "\nchain --replace ", base, "/boot.ipxe || reboot\n");
}

/// The kernel's arguments, but for those that tell it of the firmware's files and card.
std::vector<std::string> words_of(const BootParts& parts) {
    std::vector<std::string> words = {"mangrove.definition=" + parts.definition};
    if (!parts.authority.empty()) words.push_back(text("mangrove.ca=", kAuthorityPath));
    if (!parts.report.empty()) words.push_back("mangrove.report=" + parts.report);
    if (!parts.served.empty()) words.push_back("mangrove.served=" + parts.served);
    words.insert(words.end(), parts.arguments.begin(), parts.arguments.end());
    return words;
}

/// A blob's URL ends with its digest.
void add_blob(cJSON* json, const std::string& url) {
    add_text(json, "url", url);
    add_text(json, "sha256", url.substr(url.rfind('/') + 1));
}

} // namespace

std::string printed_by_firmware(std::string_view line) {
    std::string shown;
    for (char letter : line)
        shown += std::isprint(static_cast<unsigned char>(letter)) == 0 || letter == '$' ? '?' : letter;
    // These separate commands.
    for (std::string_view word : {"||", "&&"})
        for (size_t at = 0; (at = shown.find(word)) != std::string::npos;)
            shown.replace(at, word.size(), "?");
    return shown;
}

Result<> check_kernel_argument(std::string_view argument) {
    bool is_printable =
        std::ranges::all_of(argument, [](unsigned char letter) { return letter >= ' ' && letter != 127; });
    if (argument.empty() || !is_printable || argument.contains("${") || argument.contains("||")
        || argument.contains("&&"))
        return permanent_error(
            "kernel argument '", printed_by_firmware(argument),
            "': empty, or with ${, ||, && or a control character, which the firmware would "
            "take for its own");
    if (argument.starts_with("mangrove.definition=") || argument.starts_with("initrd="))
        return permanent_error("kernel argument '", printed_by_firmware(argument),
                               "': mangrove-head gives it; leave it out");
    return {};
}

std::string first_script(const std::string& base, std::chrono::seconds pause) {
    return text("#!ipxe\nchain --replace ", base,
                "/boot/${netX/mac:hexhyp}.ipxe?uuid=${uuid}&serial=${serial:uristring}"
                "&manufacturer=${manufacturer:uristring}&product=${product:uristring} ||\n"
                "echo The head node does not answer.\n",
                ask_again(base, pause));
}

std::string boot_script(const BootParts& parts, const std::string& base, std::chrono::seconds pause) {
    // The archive first: UEFI's kernel puts them one behind the other, and the kernel finds an archive that
    // is not compressed only at a multiple of four.
    bool has_authority = !parts.authority.empty();
    std::string script =
        text("#!ipxe\necho ", printed_by_firmware(parts.title), "\nkernel ", parts.kernel,
             has_authority ? " initrd=head-ca" : "", " initrd=initramfs", " BOOTIF=01-${netX/mac:hexhyp} ",
             join(words_of(parts), " "), " || goto failed\n");
    if (has_authority) script += text("initrd --name head-ca ", parts.authority, " || goto failed\n");
    script += text("initrd --name initramfs ", parts.initramfs, " || goto failed\n");
    return script + "boot || goto failed\n:failed\nimgfree\n" + ask_again(base, pause);
}

std::string boot_plan(const BootParts& parts, const std::string& kernel_name) {
    Json plan = make_json_object();
    add_text(plan.get(), "definition", parts.definition);
    cJSON* kernel = add_object(plan.get(), "kernel");
    add_blob(kernel, parts.kernel);
    add_text(kernel, "version", kernel_name);
    cJSON* initramfs = cJSON_AddArrayToObject(plan.get(), "initramfs");
    for (const std::string& archive : {parts.authority, parts.initramfs}) {
        if (archive.empty()) continue;
        Json blob = make_json_object();
        add_blob(blob.get(), archive);
        cJSON_AddItemToArray(initramfs, blob.release());
    }
    cJSON* arguments = cJSON_AddArrayToObject(plan.get(), "arguments");
    for (const std::string& word : words_of(parts))
        cJSON_AddItemToArray(arguments, cJSON_CreateString(word.c_str()));
    return print_json(plan);
}

std::string script_with(std::string script, const std::string& argument) {
    // The first command that can fail is the one with the kernel, whose arguments have no "||".
    return script.insert(std::min(script.find(" || "), script.size()), " " + argument);
}

std::string plan_with(const std::string& plan, const std::string& argument) {
    Result<Json> json = parse_json(plan, "the plan of a boot");
    if (!json) return plan;
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(json->get(), "arguments"),
                         cJSON_CreateString(argument.c_str()));
    return print_json(*json);
}

std::string screen_script(const std::vector<std::string>& lines, const std::string& base,
                          std::chrono::seconds pause) {
    std::string script = "#!ipxe\necho\n";
    for (const std::string& line : lines)
        script += "echo " + line + "\n";
    return script + ask_again(base, pause);
}

std::vector<std::string> unknown_machine_lines() {
    return {"Mangrove: the head node does not know this machine.", "  MAC    ${netX/mac}",
            "  serial ${serial}  ${manufacturer} ${product}", "  UUID   ${uuid}",
            "On the head node: mangrovectl discover list"};
}

} // namespace mangrove::head
