#pragma once

#include <string>

#include "head/publish/publish.h"

/// The parts that all iSCSI servers have in common.
namespace mangrove::head {

/// The IQN that is asked for, or the one that is made from the image's id.
std::string target_name(const PublishRequest& request);
/// The mount of a LUN.
Json iscsi_mount(const PublishRequest& request, const std::string& target);

} // namespace mangrove::head
