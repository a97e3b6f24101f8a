#include "source/nfs_words.h"

#include <algorithm>
#include <iterator>

namespace mangrove {

namespace {

std::string_view without_prefix(std::string_view written) {
    for (std::string_view prefix : {"nfs:", "nfs4:"})
        if (written.starts_with(prefix)) return written.substr(prefix.size());
    return written;
}

bool is_directory(std::string_view written) {
    if (written.starts_with("/")) return !written.starts_with("//");
    HostAndRest server = split_host(written);
    return !server.host.empty() && server.rest.starts_with(":/") && !server.rest.starts_with("://");
}

/// Returns the options of OPTIONS:SERVER:PATH; nothing for another form.
std::optional<std::string_view> leading_options(std::string_view written) {
    size_t colon = written.find(':');
    if (colon == std::string_view::npos || written.starts_with("[") || written.starts_with("/"))
        return std::nullopt;
    std::string_view rest = written.substr(colon + 1);
    if (rest.starts_with("/") || !is_directory(rest)) return std::nullopt;
    return written.substr(0, colon);
}

/// In force whether they are given or not, or of interest to mount(8) and fstab(5) alone.
constexpr std::string_view kHold[] = {
    "",       "tcp",  "hard",   "fg",     "nolock", "defaults",   "_netdev",
    "nofail", "auto", "noauto", "user",   "nouser", "users",      "owner",
    "group",  "intr", "nointr", "sloppy", "addr",   "clientaddr", "comment",
};

struct Contradiction {
    std::string_view word;
    std::string_view why;
};
constexpr Contradiction kContradictions[] = {
    {"udp", "it is always TCP"},
    {"rdma", "it is always TCP"},
    {"proto", "it is always TCP"},
    {"mountproto", "it is always TCP"},
    {"soft", "a root always waits for its server"},
    {"softerr", "a root always waits for its server"},
    {"bg", "a root always waits for its server"},
    {"retry", "a boot is retried without a limit"},
    {"lock", "no lock manager runs before the root is mounted"},
    {"sec", "it needs a service that does not run before the root is mounted"},
    {"xprtsec", "it needs a service that does not run before the root is mounted"},
    {"mountaddr", "the address is the server's"},
    {"mounthost", "the address is the server's"},
    {"port", "it is not a number from 1 to 65535"},
    {"mountport", "it is not a number from 1 to 65535"},
};

/// The options of the kernel (fs/nfs/fs_context.c) and of mount(8), each also with "no" before it.
constexpr std::string_view kTaken[] = {
    "ac",        "acdirmax",    "acdirmin", "acl",        "acregmax",    "acregmin",       "actimeo",
    "async",     "atime",       "bsize",    "cto",        "dev",         "diratime",       "dirsync",
    "exec",      "fsc",         "lazytime", "local_lock", "lookupcache", "max_connect",    "migration",
    "mountport", "mountvers",   "namlen",   "nconnect",   "port",        "posix",          "rdirplus",
    "relatime",  "resvport",    "retrans",  "rsize",      "sec",         "sharecache",     "silent",
    "softreval", "strictatime", "suid",     "sync",       "timeo",       "trunkdiscovery", "write",
    "wsize",     "xprtsec",
};

bool contradicts(std::string_view word, std::string_view value) {
    if (word == "proto" || word == "mountproto") return value != "tcp" && value != "tcp6";
    if (word == "sec") return value != "sys" && value != "none";
    if (word == "xprtsec") return value != "none";
    if (word == "port" || word == "mountport") {
        std::optional<uint64_t> port = parse_number(value);
        return !port || *port < 1 || *port > 65535;
    }
    return std::ranges::find(kContradictions, word, &Contradiction::word) != std::end(kContradictions);
}

bool is_taken(std::string_view word) {
    auto has = [](std::string_view one) { return std::ranges::find(kTaken, one) != std::end(kTaken); };
    return has(word) || (word.starts_with("no") && has(word.substr(2)));
}

/// False for an option that is of no version.
bool take_version(NfsWords& nfs, std::string_view word, std::string_view value, Translation& translation) {
    if (word == "minorversion")
        value = value == "0" ? "4.0" : value == "1" ? "4.1" : value == "2" ? "4.2" : "";
    else if (word.starts_with("v") && parse_number(word.substr(1, 1)))
        value = word.substr(1);
    else if (word != "vers" && word != "nfsvers")
        return false;
    if (value == "3" || value == "4.0" || value == "4.1" || value == "4.2")
        nfs.version = value;
    else if (value != "4") // any of version 4 is what is tried first anyway
        translation.note("NFS version '", value, "' not supported, ignoring");
    return true;
}

void take_option(NfsWords& nfs, const std::string& option, Translation& translation) {
    size_t equals = std::min(option.find('='), option.size());
    std::string_view word = std::string_view(option).substr(0, equals);
    std::string_view value = std::string_view(option).substr(std::min(equals + 1, option.size()));
    if (option == "ro" || option == "rw")
        nfs.is_writable = option == "rw";
    else if (take_version(nfs, word, value, translation))
        return;
    else if (contradicts(word, value))
        translation.note("NFS option '", option,
                         "' ignored: ", std::ranges::find(kContradictions, word, &Contradiction::word)->why);
    else if (word == "proto" || word == "mountproto" || word.starts_with("x-")
             || std::ranges::find(kHold, word) != std::end(kHold))
        return;
    else if (is_taken(word))
        nfs.options.push_back(option);
    else
        translation.note("unknown NFS option '", option, "', ignoring");
}

} // namespace

bool is_nfs(std::string_view written) {
    if (written.starts_with("nfs://")) return true;
    std::string_view plain = without_prefix(written);
    return is_directory(plain) || (plain != written && leading_options(plain));
}

void add_nfs_options(NfsWords& nfs, std::string_view written, Translation& translation) {
    for (const std::string& option : split(written, ','))
        take_option(nfs, std::string(trim(option)), translation);
}

Result<NfsWords> read_nfs_words(std::string_view written, Translation& translation) {
    if (!is_nfs(written)) return permanent_error("expected nfs:SERVER:/PATH");
    NfsWords nfs;
    std::string_view rest = without_prefix(written);
    if (written.starts_with("nfs://")) {
        HostAndRest server = split_host(written.substr(6, written.find('/', 6) - 6));
        nfs.host = server.host;
        if (server.rest.size() > 1) add_nfs_options(nfs, text("port=", server.rest.substr(1)), translation);
        rest = written.substr(std::min(written.find('/', 6), written.size()));
    } else if (std::optional<std::string_view> options = leading_options(rest)) {
        add_nfs_options(nfs, *options, translation);
        rest.remove_prefix(options->size() + 1);
    }
    if (!rest.starts_with("/") && !rest.empty()) {
        HostAndRest server = split_host(rest);
        nfs.host = server.host;
        rest = server.rest.substr(1);
    }
    size_t end = std::min(rest.find_first_of(":,"), rest.size());
    nfs.path = rest.substr(0, end);
    if (nfs.path.empty()) nfs.path = "/";
    if (size_t name = nfs.path.find("%s"); name != std::string::npos) {
        translation.needs_lease = true;
        nfs.path.replace(name, 2, translation.node);
    }
    nfs.host = translation.host(nfs.host);
    if (end < rest.size()) add_nfs_options(nfs, rest.substr(end + 1), translation);
    return nfs;
}

Json nfs_mount(const NfsWords& nfs, bool is_read_only) {
    Json mount = make_json_object();
    cJSON* object = add_kind(mount.get(), "nfs");
    cJSON_AddStringToObject(object, "host", nfs.host.c_str());
    cJSON_AddStringToObject(object, "path", nfs.path.c_str());
    if (is_read_only) cJSON_AddTrueToObject(object, "ro");
    add_text(object, "version", nfs.version);
    add_texts(object, "options", nfs.options);
    return mount;
}

} // namespace mangrove
