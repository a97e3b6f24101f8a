#include "definition/commands.h"

#include <cerrno>
#include <cstdio>

#include "definition/encoding.h"
#include "definition/parse.h"

namespace mangrove::definition {

namespace {

int usage(const char* line) {
    std::fprintf(stderr, "usage: mangrove %s\n", line);
    return 2;
}

int fail(const Error& error) {
    std::fprintf(stderr, "mangrove: error: %s\n", describe(error).c_str());
    return 1;
}

std::string summary(const Mount& mount);

std::string summary(const Attachment& attachment) {
    std::string words(kind_name(attachment));
    if (const auto* iscsi = std::get_if<Iscsi>(&attachment.kind))
        words += text(" ", iscsi->target, " at ", iscsi->host, ":", iscsi->port, " lun ", iscsi->lun);
    if (const auto* local = std::get_if<Local>(&attachment.kind))
        for (const Attachment& part : local->on)
            words += " on " + summary(part);
    if (const auto* loopback = std::get_if<Loopback>(&attachment.kind)) {
        words += " " + loopback->path;
        if (loopback->mount) words += " on " + summary(*loopback->mount);
    }
    return words;
}

std::string summary(const Mount& mount) {
    std::string words(kind_name(mount));
    if (const auto* attach = std::get_if<MountAttach>(&mount.kind))
        return text(words, " ", summary(attach->attachment), attach->verity ? " (verified)" : "");
    if (const auto* bind = std::get_if<MountBind>(&mount.kind)) words += " " + bind->path;
    if (const auto* nfs = std::get_if<MountNfs>(&mount.kind)) words += text(" ", nfs->host, ":", nfs->path);
    if (const auto* uri = std::get_if<MountUri>(&mount.kind)) words += " " + uri->uri;
    const auto* overlay = std::get_if<MountOverlay>(&mount.kind);
    if (!overlay) return words;
    std::vector<std::string> layers;
    for (const Mount& lower : overlay->lower)
        layers.push_back(summary(lower));
    return words + " of " + join(layers, ", ");
}

/// Prints the problems; how many there are.
size_t print_problems(const std::string& file, const ParsedDefinition& parsed) {
    for (const Problem& problem : parsed.problems) {
        std::string place = problem.line > 0 ? text(file, ":", problem.line, ":", problem.column) : file;
        std::fprintf(stderr, "%s: %s\n", place.c_str(), problem.to_text().c_str());
    }
    return parsed.problems.size();
}

} // namespace

Result<std::string> read_input(const std::string& path) {
    FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "re");
    if (!file) return system_error(errno, "reading ", path);
    std::string contents;
    char buffer[16384];
    while (size_t count = std::fread(buffer, 1, sizeof buffer, file))
        contents.append(buffer, count);
    bool failed = std::ferror(file) != 0;
    int problem = errno;
    if (file != stdin) std::fclose(file);
    if (failed) return system_error(problem, "reading ", path);
    return contents;
}

int check_text(const std::string& file, std::string_view written) {
    ParsedDefinition parsed = parse_and_check(written);
    size_t problems = print_problems(file, parsed);
    for (const std::string& notice : parsed.notices)
        std::fprintf(stderr, "%s: notice: %s\n", file.c_str(), notice.c_str());
    if (problems > 0) {
        std::fprintf(stderr, "%zu %s\n", problems, problems == 1 ? "problem" : "problems");
        return 1;
    }
    std::printf("%s: ok: root '%s': %s\n", file.c_str(), parsed.definition.name.c_str(),
                summary(parsed.definition.mount).c_str());
    return 0;
}

int run_encode(const std::vector<std::string>& arguments) {
    if (arguments.size() != 1) return usage("encode FILE");
    Result<std::string> written = read_input(arguments[0]);
    if (!written) return fail(written.error());
    if (print_problems(arguments[0], parse_and_check(*written)) > 0) return 1;
    Result<std::string> encoded = encode(*written);
    if (!encoded) return fail(encoded.error());
    std::string argument = "mangrove.definition=" + *encoded;
    if (argument.size() > 1500)
        std::fprintf(stderr, "mangrove: warning: %zu characters; a kernel command line holds 2047 in all\n",
                     argument.size());
    std::printf("%s\n", argument.c_str());
    return 0;
}

} // namespace mangrove::definition
