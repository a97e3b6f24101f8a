#include "head/image/image_checks.h"

#include <algorithm>
#include <fnmatch.h>
#include <optional>

#include "base/resolve_in_root.h"
#include "head/host/files.h"
#include "head/image/kernel_support.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

bool is_anything(std::string_view contents) {
    return !contents.empty();
}

bool has_private_key(std::string_view contents) {
    return contents.find("PRIVATE KEY-----") != std::string_view::npos;
}

/// shadow(5): a hash is longer than the words for an account without password; a '!' in front locks it, and
/// the hash is there.
bool has_password_hash(std::string_view contents) {
    constexpr size_t kShortest = 13;
    return std::ranges::any_of(split(contents, '\n'), [](const std::string& line) {
        std::vector<std::string> fields = split(line, ':');
        return fields.size() > 1
               && fields[1].size() - std::min(fields[1].find_first_not_of("!*"), fields[1].size())
                      >= kShortest;
    });
}

bool has_password(std::string_view contents) {
    return std::ranges::any_of(split(contents, '\n'), [](const std::string& line) {
        std::string_view rest = trim(line);
        return !rest.starts_with('#') && rest.find('=') != std::string_view::npos
               && (rest.find("psk") != std::string_view::npos
                   || rest.find("password") != std::string_view::npos
                   || rest.find("PrivateKey") != std::string_view::npos);
    });
}

bool is_machine_id(std::string_view contents) {
    constexpr size_t kDigits = 32;
    return trim(contents).size() == kDigits;
}

enum class Harm { readable, shared };

/// A kind of secret that no image should hold, and its places.
struct Kind {
    const char* name;
    std::vector<const char*> patterns; ///< a part that is a pattern matches one name
    bool (*is)(std::string_view contents);
    Harm harm = Harm::readable;
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = {
        {"password hashes",
         {"etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/passwd"},
         has_password_hash},
        {"SSH host keys", {"etc/ssh/ssh_host_*_key", "etc/dropbear/dropbear_*_key"}, is_anything},
        {"SSH private keys", {"root/.ssh/*", "home/*/.ssh/*"}, has_private_key},
        {"TLS private keys",
         {"etc/ssl/private/*", "etc/ssl/*.key", "etc/pki/tls/private/*", "etc/letsencrypt/archive/*/*.pem",
          "etc/nginx/*.key", "etc/apache2/*.key", "etc/httpd/*.key"},
         has_private_key},
        {"the MUNGE key", {"etc/munge/munge.key"}, is_anything},
        {"Kerberos keytabs", {"etc/*.keytab", "etc/*/*.keytab", "var/lib/*/*.keytab"}, is_anything},
        {"Slurm keys", {"etc/slurm/*.key", "etc/slurm-llnl/*.key", "var/spool/slurm*/*.key"}, is_anything},
        {"Ceph keyrings", {"etc/ceph/*.keyring"}, is_anything},
        {"network passwords",
         {"etc/NetworkManager/system-connections/*", "etc/wpa_supplicant/*.conf", "etc/wireguard/*.conf",
          "etc/iscsi/iscsid.conf"},
         has_password},
        {"the systemd credential key", {"var/lib/systemd/credential.secret"}, is_anything},
        {"access tokens",
         {"root/.docker/config.json", "root/.aws/credentials", "root/.kube/config", "root/.netrc"},
         is_anything},
        {"a machine-id", {"etc/machine-id", "var/lib/dbus/machine-id"}, is_machine_id, Harm::shared},
        {"a random seed",
         {"var/lib/systemd/random-seed", "var/lib/urandom/random-seed"},
         is_anything,
         Harm::shared},
    };
    return all;
}

void add_matches(const fs::path& tree, const fs::path& directory, const std::vector<std::string>& parts,
                 size_t at, std::vector<std::string>& found) {
    if (at == parts.size()) {
        found.push_back(directory);
        return;
    }
    if (parts[at].find('*') == std::string::npos)
        return add_matches(tree, directory / parts[at], parts, at + 1, found);
    Result<std::string> place = resolve_in_root(tree, directory.empty() ? "." : directory.native());
    if (!place) return;
    std::vector<std::string> names;
    std::error_code ignored;
    for (fs::directory_iterator entry(*place, ignored), end; !ignored && entry != end;
         entry.increment(ignored))
        names.push_back(entry->path().filename());
    std::ranges::sort(names);
    for (const std::string& name : names)
        if (::fnmatch(parts[at].c_str(), name.c_str(), 0) == 0)
            add_matches(tree, directory / name, parts, at + 1, found);
}

std::vector<std::string> files_of(const fs::path& tree, const Kind& kind) {
    constexpr uintmax_t kLargest = 1 << 20;
    std::vector<std::string> files;
    for (const char* pattern : kind.patterns) {
        std::vector<std::string> found;
        add_matches(tree, "", split(pattern, '/'), 0, found);
        for (const std::string& name : found) {
            std::error_code ignored;
            if (fs::is_symlink(fs::symlink_status(tree / name, ignored)))
                continue; // what it leads to is a file, too
            Result<fs::path> file = file_of(tree, name);
            if (!file || fs::file_size(*file, ignored) > kLargest) continue;
            Result<std::string> contents = read_file(*file);
            if (contents && kind.is(*contents)) files.push_back("/" + name);
        }
    }
    return files;
}

std::string first_few(const std::vector<std::string>& names) {
    constexpr size_t kShown = 4;
    std::vector<std::string> shown(names.begin(),
                                   names.begin() + static_cast<long>(std::min(names.size(), kShown)));
    return join(shown, ", ") + (names.size() > kShown ? text(" and ", names.size() - kShown, " more") : "");
}

void add_mount_points(const fs::path& tree, std::vector<std::string>& warnings) {
    std::vector<std::string> missing;
    for (const char* name : {"dev", "proc", "run", "sys", "tmp"}) {
        std::error_code ignored;
        Result<std::string> place = resolve_in_root(tree, name);
        if (!place || !fs::is_directory(*place, ignored)) missing.push_back(text("/", name));
    }
    if (!missing.empty())
        warnings.push_back(text("the image has no directory ", join(missing, ", "),
                                "; a node with a read-only root cannot boot it, make them in the source"));
}

void add_init(const fs::path& tree, std::vector<std::string>& warnings) {
    if (resolve_in_root(tree, "sbin/init")) return;
    for (const char* other : {"usr/lib/systemd/systemd", "lib/systemd/systemd", "etc/init", "bin/init"})
        if (resolve_in_root(tree, other)) {
            warnings.push_back(text("the image has no /sbin/init; nodes need \"command\": \"/", other,
                                    "\" in the definition (publish --command)"));
            return;
        }
    warnings.emplace_back("the image has no /sbin/init and no systemd; nodes cannot boot it as their root");
}

} // namespace

std::vector<std::string> image_warnings(const fs::path& tree) {
    std::vector<std::string> warnings;
    add_mount_points(tree, warnings);
    add_init(tree, warnings);
    for (const Kind& kind : kinds()) {
        std::vector<std::string> files = files_of(tree, kind);
        if (files.empty()) continue;
        warnings.push_back(text("the image contains ", kind.name, " (", first_few(files), "); ",
                                kind.harm == Harm::readable
                                    ? "any client of the server that publishes it can read this"
                                    : "all nodes would have the same"));
    }
    return warnings;
}

Result<> check_image(const fs::path& tree, const Packing& packing, const BootRequest& boot,
                     Progress& progress) {
    for (const std::string& warning : image_warnings(tree))
        progress.warn(warning);
    if (boot.wanted == BootFiles::none) return {};
    for (const std::string& place : places_with_other_names(tree))
        progress.warn(text("/", place, " of the image: a name there is not a kernel version, ignoring it"));
    std::optional<Kernel> kernel = TRY(choose_kernel(tree, boot));
    return kernel ? check_kernel_support(*kernel, packing) : Result<>();
}

} // namespace mangrove::head
