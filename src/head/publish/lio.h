#pragma once

#include <string>
#include <vector>

#include "head/host/step.h"

/// The kernel's target (LIO) through configfs, as the kernel's Documentation/target/ has it.
namespace mangrove::head {

inline constexpr const char* kLioRoot = "/sys/kernel/config/target";

/// An error that says what to do, where the kernel has no target.
Result<> check_lio(Host& host);

Step lio_directory(std::string path);
Step lio_attribute(std::string path, std::string contents);
Step lio_link(std::string path, std::string target);

/// A group of backstores of that kind ("fileio", "iblock"), of the lowest number that is free.
std::string free_lio_adapter(Host& host, std::string_view kind);
/// The storage behind a backstore.
struct LioBacking {
    std::string path;
    uint64_t size; ///< of a file; 0: it is a block device
};
/// Whether an initiator may lock all others out of the disk (RESERVE, persistent reservations): not out of
/// one that is shared. Refusing needs Linux 5.0.
enum class Reservations { are_granted, are_refused };
/// A backstore in it, and its adapter.
Result<> add_lio_backstore(std::vector<Step>& steps, const std::string& adapter, const std::string& name,
                           const LioBacking& backing, Reservations reservations);
/// The directory of all iSCSI targets, which others may have made already.
void add_lio_fabric(Host& host, std::vector<Step>& steps);
std::string lio_group(const std::string& target);
/// Where the group listens.
Step lio_portal(const std::string& group, const std::string& address, uint16_t port);

/// Steps that the kernel forgot get a free adapter. Loads the modules where they are missing.
Result<> renew_lio(Host& host, std::vector<Step>& steps);

} // namespace mangrove::head
