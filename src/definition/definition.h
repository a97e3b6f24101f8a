#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The definition of a root as plain data; docs/definition.md explains each key. A superset of the ImageAPI
/// container definition. Members carry the keys' names and their defaults.
namespace mangrove::definition {

struct Mount;
using MountPointer = std::shared_ptr<const Mount>;

/// The base of a `path`: the root of the initramfs, or another mount.
enum class Base { root, mount };

struct Chap {
    std::string username;
    std::string password;
    std::string username_in; ///< not empty: the target has to prove itself too
    std::string password_in;
};

enum class Digest { none, crc32c };

struct Portal {
    std::string host;
    uint16_t port = 3260;
};

struct Iscsi {
    std::string target; ///< empty: discovered, there must be exactly one
    std::string host;   ///< empty when `portals` are given
    uint16_t port = 3260;
    std::vector<Portal> portals; ///< further portals, tried in order after `host`
    uint64_t lun = 0;
    std::string initiator; ///< empty: derived from the machine
    uint32_t max_commands = 128;
    uint32_t queue_depth = 16;
    std::string scheduler = "mq-deadline";
    std::optional<Chap> chap;
    Digest header_digest = Digest::none;
    Digest data_digest = Digest::none;
    int32_t replacement_timeout = 86400; ///< seconds; -1: never give up
};

struct RbdOption {
    std::string name;
    std::string value; ///< empty for a flag
};

struct Monitor {
    std::string host;
    std::optional<uint16_t> port;
};

struct Rbd {
    std::vector<Monitor> monitors;
    std::string pool;
    std::string pool_namespace;
    std::string image;
    std::string snapshot;
    std::string user;
    std::string secret;
    std::vector<RbdOption> options; ///< the others, in krbd's own words
};

struct Nbd {
    std::string host;
    uint16_t port = 10809;
    std::string export_name;
    uint32_t connections = 1;
    std::chrono::seconds timeout{0};
    int32_t replacement_timeout = 86400; ///< seconds; -1: never give up
};

/// A disk of the machine that holds a cache: exactly one is set.
struct CachePlace {
    std::string path = {};
    std::string partuuid = {};
    std::string partlabel = {};
};

struct ByteRange {
    uint64_t first = 0;
    uint64_t last = 0; ///< the last byte of it

    bool operator==(const ByteRange&) const = default;
};

/// A file that is read on demand.
struct Http {
    std::vector<std::string> urls; ///< of one file, tried in order
    bool spread = false;           ///< each node begins with another one of them
    std::string username;
    std::string password;
    std::string token;  ///< instead of the two
    std::string region; ///< of S3, for which the two are keys that sign requests; empty: Basic authentication
    uint32_t cache_mib = 8;
    std::vector<ByteRange> prefetch;  ///< read before they are asked for, in this order
    uint32_t prefetch_round_trip = 2; ///< where the server is so many milliseconds away
    std::optional<CachePlace> cache = {};
    uint32_t fill = 0;          ///< MiB/s at which the rest is read into the cache; 0: it is not
    std::string root_hash = {}; ///< of the verity over it, if any
};

struct Nvme {
    std::string host;
    uint16_t port = 4420;
    std::string nqn; ///< empty: discovered, there must be exactly one
    uint32_t nsid = 1;
    std::string hostnqn;
    std::string hostid;
    std::string dhchap_secret;
};

struct Loopback {
    std::string path;
    Base base = Base::root;
    MountPointer mount; ///< set when base is `mount`
    bool read_partitions = false;
    uint32_t partition = 0; ///< 0: the whole device
    bool direct_io = false;
};

struct Attachment;

struct Local {
    std::string path; ///< exactly one of the first five is set
    std::string label;
    std::string uuid;
    std::string partuuid;
    std::string partlabel = {};
    std::vector<Attachment> on; ///< attached first: the disks among which it is
};

/// In the order in which they are released: loop devices are on the others.
using AnyAttachment = std::variant<Loopback, Iscsi, Rbd, Nbd, Http, Nvme, Local>;

/// An object that provides a block device.
struct Attachment {
    AnyAttachment kind;
    std::string json_path;   ///< where it is in the definition: "mount.overlay.lower[0].attach.attach"
    bool has_secret = false; ///< it holds a password or a key
};

enum class OnCorruption { error, restart };

/// dm-verity between a block device and its file system, in the words of veritysetup(8).
struct Verity {
    std::string root_hash = {};               ///< 64 lower-case hexadecimal digits
    std::optional<std::string> salt = {};     ///< hexadecimal; nothing: that of the superblock
    std::optional<uint64_t> hash_offset = {}; ///< in bytes; nothing: found by the size of the device
    std::optional<uint64_t> data_blocks = {}; ///< of 4096 bytes; nothing: those of the superblock
    bool no_superblock = false;               ///< the tree begins at `hash_offset`
    std::shared_ptr<const Attachment> hash_device = {}; ///< nothing: the tree is on the data's device
    OnCorruption on_corruption = OnCorruption::error;
};

/// The place from which the tables of a squashfs are read.
enum class Tables { device, memory };

struct MountAttach {
    Attachment attachment;
    std::optional<Verity> verity;
    std::string fs_type; ///< empty: probed
    std::vector<std::string> mount_options;
    Tables tables = Tables::device;
    std::optional<uint32_t> readahead = {}; ///< in KiB; nothing: the kernel's own
};

struct MountBind {
    std::string path;
    Base base = Base::root;
    MountPointer mount;
    bool recursive = false;
    bool ro = false;
};

struct MountNfs {
    std::string host;
    std::string path;
    bool ro = false;
    std::string version;              ///< empty: 4.1, else what the server speaks
    std::vector<std::string> options; ///< the others, one each, in the kernel's own words
};

struct Upper {
    std::string size = "50%"; ///< of the tmpfs, as tmpfs(5) has it
    MountPointer mount;       ///< set: a persistent upper in the directory `path` of that mount
    std::string path;
};

struct MountOverlay {
    std::vector<Mount> lower; ///< the first is the uppermost
    Upper upper;
};

struct MountUri {
    std::string uri;
    std::string digest;       ///< "sha256:" and 64 digits; empty: not checked
    std::string size = "50%"; ///< of the tmpfs, as tmpfs(5) has it
};

using AnyMount = std::variant<MountAttach, MountBind, MountNfs, MountOverlay, MountUri>;

/// An object that provides a directory.
struct Mount {
    AnyMount kind;
    std::string json_path; ///< "mount.overlay.lower[0]"
};

/// The URL that the boot report is posted to.
struct Report {
    std::string url;                 ///< http or https, with placeholders (base/placeholders.h)
    std::chrono::seconds spread{30}; ///< the nodes' reports come at random moments of this time
};

/// A server that the running node asks time and again.
struct NodeServer {
    std::string url = {};              ///< as that of the report
    std::chrono::seconds interval{60}; ///< between two requests
};

struct Definition {
    std::string name = "root"; ///< for messages
    std::string release = {};  ///< of the head node, for the report
    std::vector<std::string> command = {"/sbin/init"};
    Mount mount;
    bool remount = false; ///< the root's own fstab says how `/` is mounted on
    std::string hostname;
    std::chrono::seconds timeout{
        0}; ///< for transient failures, then the next definition is tried; 0: no limit
    std::optional<Report> report;
    std::optional<NodeServer> files;  ///< that its live files come from
    std::optional<NodeServer> health; ///< that its health is posted to
    uint64_t serial = 0;              ///< a later definition has a larger one; 0: none is given
    std::optional<std::chrono::sys_seconds> valid_until; ///< for nodes that take signed definitions only
    std::vector<std::string> nodes;   ///< MAC addresses ("52:54:00:12:34:56") and UUIDs; empty: every node
    std::vector<Definition> fallback; ///< tried in order when this one cannot be booted
};

/// Returns whether attaching or mounting it needs the network.
bool needs_network(const Definition& definition);

/// Returns the JSON paths of the attachments and mounts that hold a password or a key.
std::vector<std::string> secret_places(const Definition& definition);

/// "iscsi", "loopback", …: the word that stands in the definition for this kind.
std::string_view kind_name(const Attachment& attachment);
std::string_view kind_name(const Mount& mount);

} // namespace mangrove::definition
