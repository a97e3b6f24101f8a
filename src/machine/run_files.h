#pragma once

/// The files that a boot leaves for the running node. /run moves into the new root.
namespace mangrove {

inline constexpr const char* kRunDirectory = "/run/mangrove";
/// The directory below which layers, the uppers of overlays and all other parts of the root are mounted. Only
/// root may enter it: an image may hold secrets, and files that an upper layer hides.
inline constexpr const char* kLayersDirectory = "/run/mangrove/layers";
/// The timeline of the boot (docs/report.md).
inline constexpr const char* kReportPath = "/run/mangrove/report.json";
/// The report's URL, for the program that posts it. Only root may read it: the URL may hold a password.
inline constexpr const char* kReportPostPath = "/run/mangrove/report-post.json";
/// The CA certificates for the https servers of the running node; the initramfs is gone then.
inline constexpr const char* kServerAuthorities = "/run/mangrove/ca.pem";
/// Exists when the report was posted, so that it is not posted again.
inline constexpr const char* kReportPosted = "/run/mangrove/report-posted";
/// The URL of the node's live files, for the program that fetches them. As the report's, for root alone.
inline constexpr const char* kFilesSettings = "/run/mangrove/files-server.json";
/// The state of the live files (docs/files.md): their paths say what a node has, so it is for root alone,
/// too.
inline constexpr const char* kFilesState = "/run/mangrove/files.json";
/// The directory in which live files are unpacked.
inline constexpr const char* kFilesDirectory = "/run/mangrove/files";
/// The URL that the node's health is posted to. As the report's, for root alone.
inline constexpr const char* kHealthSettings = "/run/mangrove/health-server.json";
/// The profile of this boot (docs/profiles.md), where one was recorded.
inline constexpr const char* kProfilePath = "/run/mangrove/profile.json";
/// Tells the process that records that the boot is over.
inline constexpr const char* kProfileEnd = "/run/mangrove/profile-end";
/// The URL that the profile is posted to. As the report's, for root alone.
inline constexpr const char* kProfilePostPath = "/run/mangrove/profile-post.json";
/// The id of a boot without a kernel (docs/shutdown.md); not there after a boot with one.
inline constexpr const char* kSoftBootId = "/run/mangrove/boot-id";
/// The arguments of a boot without a kernel, which count in the place of the kernel's; as above.
inline constexpr const char* kSoftArguments = "/run/mangrove/arguments";
/// Hold what the initramfs demands of definitions (docs/trust.md), for a restart of the running node.
inline constexpr const char* kKeptSigners = "/run/mangrove/allowed_signers";
inline constexpr const char* kKeptPolicy = "/run/mangrove/policy.json";
/// The directory of files that another root has put out of use.
inline constexpr const char* kEarlierDirectory = "/run/mangrove/earlier";
/// The error for dracut-module/90mangrove/emergency.sh.
inline constexpr const char* kErrorPath = "/run/mangrove/error";
/// This program, for `mangrove status`: a link to the one that ends the machine.
inline constexpr const char* kProgramLink = "/run/mangrove/mangrove";
/// The directory with the state of each connection, a file each (docs/keeper.md).
inline constexpr const char* kKeeperDirectory = "/run/mangrove/keeper";
/// Two files that tell the keeper's second process of a shutdown.
inline constexpr const char* kRunningFifo = "/run/mangrove/keeper/running";
inline constexpr const char* kNotPoweredOffFifo = "/run/mangrove/keeper/not-powered-off";

} // namespace mangrove
