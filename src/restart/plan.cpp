#include "restart/plan.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "machine/kernel_command_line.h"
#include "net/fetch.h"

namespace mangrove {

namespace {

constexpr std::string_view kDefinition = "/n/definition?";
constexpr seconds kTimeToFetch{20};
constexpr size_t kLargest = 1 << 16;

PlannedFile file_from(const cJSON* json) {
    return {.url = text_at(json, "url"), .digest = text_at(json, "sha256")};
}

/// The same question to the same head node, for the plan of a release.
Result<std::string> plan_url(System& system, const std::string& release) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(system));
    std::string url = command_line.value("mangrove.definition").value_or("");
    size_t place = url.find(kDefinition);
    if (!url.starts_with("http") || place == std::string::npos)
        return permanent_error("mangrove-head has not booted this node; its kernel command line names no "
                               "definition of a head node (mangrove.definition=)");
    std::vector<std::string> questions = split(url.substr(place + kDefinition.size()), '&');
    std::erase_if(questions, [](const std::string& question) { return question.starts_with("release="); });
    if (!release.empty()) questions.push_back("release=" + release);
    return text(url.substr(0, place), "/n/boot?", join(questions, "&"));
}

/// Of a boot loader: iPXE under UEFI puts the name of the kernel's file first, which is a digest.
bool is_of_loader(const KernelArgument& argument) {
    constexpr size_t kDigits = 64;
    constexpr std::string_view kNames[] = {"BOOTIF", "BOOT_IMAGE", "initrd"};
    bool is_digest = argument.name.size() == kDigits && !argument.has_value;
    return is_digest || std::ranges::find(kNames, argument.name) != std::end(kNames);
}

/// The arguments that the kernel and the root's programs read. Mangrove's own are the release's in each
/// restart.
std::vector<std::string> own_arguments(std::string_view line) {
    std::vector<std::string> arguments;
    for (const KernelArgument& argument : KernelCommandLine::parse(line).arguments())
        if (!is_of_loader(argument) && !argument.name.starts_with("mangrove."))
            arguments.push_back(argument.name + (argument.has_value ? "=" + argument.value : ""));
    return arguments;
}

} // namespace

Result<Plan> parse_plan(const std::string& written) {
    Json json(cJSON_Parse(written.c_str()));
    const cJSON* kernel = cJSON_GetObjectItemCaseSensitive(json.get(), "kernel");
    Plan plan = {.definition = text_at(json.get(), "definition"),
                 .kernel = file_from(kernel),
                 .kernel_version = text_at(kernel, "version"),
                 .initramfs = {},
                 .arguments = {}};
    const cJSON* each = nullptr;
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(json.get(), "initramfs"))
        plan.initramfs.push_back(file_from(each));
    cJSON_ArrayForEach(
        each, cJSON_GetObjectItemCaseSensitive(json.get(), "arguments")) if (const char* argument =
                                                                                 cJSON_GetStringValue(each))
        plan.arguments.emplace_back(argument);
    if (plan.definition.empty() || plan.kernel.url.empty() || plan.initramfs.empty())
        return permanent_error("the head node's answer names no definition, kernel or initramfs");
    return plan;
}

Result<Plan> fetch_plan(System& system, const std::string& release) {
    std::string url = TRY(plan_url(system, release));
    return parse_plan(
        TRY(fetch_text(system, url, kTimeToFetch, kLargest), "asking the head node for the boot"));
}

Result<std::string> arguments_of(System& system, const Plan& plan) {
    std::string line = join(plan.arguments, " ");
    KernelCommandLine running = TRY(read_kernel_command_line(system));
    if (std::optional<std::string> card = running.value("BOOTIF")) line += " BOOTIF=" + *card;
    return line;
}

Result<> check_kernel(System& system, const Plan& plan) {
    std::string release(trim(TRY(system.read_file("/proc/sys/kernel/osrelease"))));
    std::string build(trim(TRY(system.read_file("/proc/sys/kernel/version"))));
    bool is_same = plan.kernel_version.starts_with(release + " ") && plan.kernel_version.ends_with(build);
    if (!is_same)
        return permanent_error("the release has the kernel ", plan.kernel_version, ", and ", release, " ",
                               build, " is running; restart with --kexec");
    std::vector<std::string> running = own_arguments(TRY(system.read_file("/proc/cmdline")));
    std::vector<std::string> wanted = own_arguments(join(plan.arguments, " "));
    if (running == wanted) return {};
    return permanent_error("the release has the kernel arguments '", join(wanted, " "),
                           "', and the kernel was started with '", join(running, " "),
                           "'; restart with --kexec");
}

} // namespace mangrove
