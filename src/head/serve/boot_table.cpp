#include "head/serve/boot_table.h"

namespace mangrove::head {

const ServedBoot* ServedNode::boot_of(const std::string& of_release) const {
    auto found = boots.find(of_release);
    return found == boots.end() ? nullptr : &found->second;
}

const ServedNode* BootTable::by_name(const std::string& name) const {
    auto found = nodes.find(name);
    return found == nodes.end() ? nullptr : &found->second;
}

const ServedNode* BootTable::by_mac(const std::string& mac) const {
    auto found = names.find(mac);
    return found == names.end() ? nullptr : by_name(found->second);
}

} // namespace mangrove::head
