#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "iscsi/login.h"
#include "iscsi/pdu.h"

namespace mangrove::iscsi {

struct OfferedTarget {
    std::string name;
    std::vector<Portal> portals; ///< none: where it was asked for
    bool operator==(const OfferedTarget&) const = default;
};

/// The question of a discovery session, RFC 7143 sections 11.10, 11.11 and appendix C, as a state machine
/// without I/O: SendTargets=All, and the target's answer in one text response or several.
class SendTargets {
  public:
    explicit SendTargets(uint32_t expected_status_number) : expected_status_number_(expected_status_number) {}

    Pdu start();
    /// Returns the next PDU to send, or the targets. Accepts any bytes.
    Result<std::variant<Pdu, std::vector<OfferedTarget>>> answer(const Pdu& response);

  private:
    Pdu request(uint32_t transfer_tag, Bytes text);

    uint32_t expected_status_number_;
    uint32_t command_number_ = 0;
    unsigned exchanges_ = 0;
    Bytes text_;
};

} // namespace mangrove::iscsi
