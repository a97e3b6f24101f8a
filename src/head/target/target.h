#pragma once

#include <string>
#include <vector>

#include "head/publish/login.h"
#include "head/publish/record.h"

/// iSCSI targets whose LUNs come and go, for tests and for nodes that write to their disk. A target and each
/// of its LUNs are records of their own in a journal, whose `definition` holds what is here.
namespace mangrove::head {

struct Target {
    std::string name = "target1";
    std::string server = "tgt"; ///< tgt, lio
    std::string iqn = {};       ///< empty: made from the name
    std::string host = {};      ///< an IP address; empty: this machine's, on the way to its default gateway
    uint16_t port = 3260;
    std::string directory = "/var/lib/mangrove/luns"; ///< of the image files
    std::vector<std::string> devices = {};            ///< block devices that may become LUNs
    Access access = Access::read_write;
    Login login = {}; ///< its password is in the steps alone
};

struct Lun {
    enum class Kind { file, block_device };

    std::string name;
    uint64_t number = 0;
    std::string path = {}; ///< absolute, and free of links where it is a file
    uint64_t size = 0;
    Kind kind = Kind::file;
};

/// The words for people and scripts.
Json to_json(const Target& target);
Json to_json(const Lun& lun);
Result<Target> target_from(const Record& record);
Result<Lun> lun_from(const Record& record);

/// Its host and IQN are filled in, and what stands in the way is an error.
Result<Target> complete_target(Target target);
/// `others`: all records of targets.
Result<Record> plan_target(Host& host, const Target& target, const std::vector<Record>& others);
/// `started`: the target's record.
Result<Record> plan_lun(Host& host, const Record& started, const Lun& lun);
/// The lowest number that none of the target's LUNs has.
uint64_t free_lun(const Target& target, const std::vector<Lun>& luns);

std::vector<std::string> target_server_names();

/// The address of this machine on the way to its default gateway.
Result<std::string> address_of_host();

} // namespace mangrove::head
