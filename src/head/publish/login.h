#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/host/step.h"

namespace mangrove::head {

enum class Access { read_write, read_only };

/// The initiators that may log in to an iSCSI target, and what they have to prove.
struct Login {
    std::vector<std::string> initiators = {}; ///< empty: everyone
    bool is_open = false;                     ///< everyone was asked for by name (--initiator all)
    std::string user = {};                    ///< of CHAP; empty: nothing is to be proven
    std::string password = {};
};

/// An error where `name`, which `option` gave, is none that iSCSI has (RFC 3720, section 3.2.6).
Result<> check_iscsi_name(const char* option, std::string_view name);
/// The IQN of what is called so: the names of images have a '_', which tgtd and nodes refuse in an IQN.
std::string target_name_for(std::string_view name);
/// `--initiator all`: no names, and everyone was asked for.
Result<> take_open_word(Login& login);
/// "USER:PASSWORD" in a file, for what stands in arguments every user of the machine can read.
Result<> read_chap(const std::filesystem::path& file, Login& login);

/// The account at tgtd, and last who may log in: until then nobody can. `number`: of the target.
/// `name`: its IQN.
Result<> add_tgt_login(std::vector<Step>& steps, const std::string& number, const std::string& name,
                       const Login& login);

/// Below the group of a target of LIO: whether everyone may log in and write, or else the initiators and
/// their passwords.
Result<> add_lio_login(std::vector<Step>& steps, const std::string& group, const Login& login, Access access);
/// A LUN of the group, which has to be given to each initiator that is named. `name`: of the link to it.
void add_lio_mapped_lun(std::vector<Step>& steps, const std::string& group, const Login& login,
                        uint64_t number, const std::string& name, Access access);

} // namespace mangrove::head
