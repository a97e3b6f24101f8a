#include "definition/kinds.h"

// The mount `nfs`: `host`, `path`, `ro`, `version` and `options`, which are those of nfs(5).

namespace mangrove::definition {

namespace {

struct RefusedOption {
    std::string_view word;
    std::string_view why;
};

constexpr std::string_view kHasVersion = "set 'version' instead";
constexpr std::string_view kHasRo = "set 'ro' instead";
constexpr std::string_view kHasHost = "the address is that of 'host'";
constexpr std::string_view kIsTcp = "it is always TCP";
constexpr std::string_view kIsHard = "a root always waits for its server";
constexpr std::string_view kHasTimeout =
    "it has no effect before the root is mounted; 'timeout' of the definition limits the retries";
constexpr std::string_view kHasNoLocks = "no lock manager runs before the root is mounted";

/// Options of nfs(5) that contradict what a key of ours says, or that only mount.nfs knows.
constexpr RefusedOption kRefusedNfsOptions[] = {
    {"vers", kHasVersion},   {"nfsvers", kHasVersion}, {"minorversion", kHasVersion},
    {"v2", kHasVersion},     {"v3", kHasVersion},      {"v4", kHasVersion},
    {"v4.0", kHasVersion},   {"v4.1", kHasVersion},    {"v4.2", kHasVersion},
    {"ro", kHasRo},          {"rw", kHasRo},           {"addr", kHasHost},
    {"mountaddr", kHasHost}, {"mounthost", kHasHost},  {"source", kHasHost},
    {"proto", kIsTcp},       {"mountproto", kIsTcp},   {"tcp", kIsTcp},
    {"udp", kIsTcp},         {"rdma", kIsTcp},         {"soft", kIsHard},
    {"softerr", kIsHard},    {"bg", kHasTimeout},      {"fg", kHasTimeout},
    {"retry", kHasTimeout},  {"_netdev", kHasTimeout}, {"nofail", kHasTimeout},
    {"auto", kHasTimeout},   {"noauto", kHasTimeout},  {"lock", kHasNoLocks},
};

/// Why this option cannot be passed on; empty if it can. What the others mean is the kernel's to say.
std::string problem_with_nfs_option(std::string_view option) {
    std::string_view word = option.substr(0, option.find('='));
    for (const RefusedOption& refused : kRefusedNfsOptions)
        if (word == refused.word) return text("'", option, "' cannot be set here: ", refused.why);
    std::string_view value = word == option ? std::string_view() : option.substr(word.size() + 1);
    if ((word == "sec" && value != "sys" && value != "none") || (word == "xprtsec" && value != "none"))
        return text("'", option,
                    "' cannot be set here: it needs a service that does not run before the root is mounted");
    if (word != "port" && word != "mountport") return {};
    std::optional<uint64_t> port = parse_number(value);
    if (!port || *port < 1 || *port > 65535)
        return text("'", option, "': a port is a number from 1 to 65535");
    return {};
}

void read_nfs_options(Reader& reader, MountNfs& nfs) {
    size_t index = 0;
    for (const std::string& element : reader.texts("options")) {
        std::string path = element_path(member_path(reader.path(), "options"), index++);
        for (const std::string& option : split(element, ',')) {
            if (option.empty()) continue;
            if (std::string problem = problem_with_nfs_option(option); !problem.empty())
                reader.findings().add(path, problem);
            nfs.options.push_back(option);
        }
    }
}

} // namespace

void read_nfs(Reader& reader, Mount& mount) {
    MountNfs nfs;
    nfs.host = reader.required_text("host");
    nfs.path = reader.required_text("path");
    if (!nfs.path.empty() && !nfs.path.starts_with("/")) reader.problem("path", "must begin with /");
    nfs.ro = reader.boolean("ro", false);
    reader.choice("version", {"3", "4.0", "4.1", "4.2"}, 0);
    nfs.version = reader.text("version");
    read_nfs_options(reader, nfs);
    if (reader.has("verity"))
        reader.problem("verity", "cannot cover a tree of files; publish the image's file over NFS (kind "
                                 "'loopback' on this mount), or use another kind");
    mount.kind = std::move(nfs);
}

} // namespace mangrove::definition
