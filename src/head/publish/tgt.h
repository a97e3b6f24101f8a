#pragma once

#include <string>
#include <vector>

#include "head/host/step.h"
#include "head/host/user.h"

/// tgtd as tgtadm(8) sees it.
namespace mangrove::head {

std::vector<std::string> tgtadm(const char* mode, const char* operation, std::vector<std::string> words = {});

/// The lowest number that no target has.
Result<std::string> free_target_number(Host& host);
/// Returns the number of the target; a tgtd that was restarted may give it another one.
Result<std::string> target_number(Host& host, const std::string& name);

/// A new target; taking it back takes its LUNs and bindings along, also when nodes are logged in.
Step target_step(const std::string& number, const std::string& name);
/// The initiators that are logged in to the target; none where tgtd does not have it.
Result<std::vector<User>> sessions_of_tgt_target(Host& host, const std::string& name);
/// Takes back who may log in, as the steps gave it, and ends the sessions: tgtd keeps a target whose LUN has
/// a command under way.
Result<> end_tgt_sessions(Host& host, const std::string& name, const std::vector<Step>& steps);
/// Lets an initiator log in to the target. `option`: "--initiator-name" or "--initiator-address".
Step tgt_bind_step(const std::string& number, const std::string& name, const char* option,
                   const std::string& who);
/// The line that tells of a target where tgtd shows what it has.
std::string target_line(const std::string& name);
/// An error where tgtadm would cut the word in two: it sends its arguments on as a list with commas.
Result<> check_tgt_word(const std::string& word);
/// Makes a step that is undone together with an earlier one.
Step tgt_command(std::vector<std::string> words);

/// Steps that tgtd forgot get the number that their target has now, or a new one where they make it.
Result<> renew_tgt(Host& host, std::vector<Step>& steps);

} // namespace mangrove::head
