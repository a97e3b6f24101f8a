#include "iscsi/session_parameters.h"

#include <cerrno>

#include "base/log.h"

namespace mangrove::iscsi {

namespace {

using Parameter = IscsiParameter;

struct ParameterValue {
    Parameter parameter;
    std::string value;
};

std::string flag(bool value) {
    return value ? "1" : "0";
}

Result<> set_all(IscsiTransport& transport, IscsiConnectionId connection,
                 const std::vector<ParameterValue>& parameters) {
    for (const ParameterValue& each : parameters) {
        Result<> result = transport.set_parameter(connection, each.parameter, each.value);
        if (result) continue;
        if (result.error().code != ENOSYS) return result;
        log_notice(result.error().what, ", ignoring: this kernel does not have it");
    }
    return {};
}

} // namespace

Result<> set_identity(IscsiTransport& transport, IscsiConnectionId connection, const LoginTarget& target,
                      const Portal& persistent) {
    std::vector<ParameterValue> parameters = {
        {Parameter::target_name, target.target},
        {Parameter::persistent_address, persistent.host},
        {Parameter::persistent_port, text(persistent.port)},
        {Parameter::recovery_timeout, text(target.replacement_timeout.count())},
        {Parameter::fast_abort, "1"},
        {Parameter::abort_timeout, "15"},
        {Parameter::unit_reset_timeout, "30"},
        {Parameter::target_reset_timeout, "30"},
        // The kernel pings an idle target by itself, and only when both are set.
        {Parameter::ping_interval, "5"},
        {Parameter::ping_timeout, "5"},
        {Parameter::interface_name, "default"},
        {Parameter::initiator_name, target.initiator},
    };
    if (target.chap) {
        parameters.push_back({Parameter::username, target.chap->username});
        parameters.push_back({Parameter::password, target.chap->password});
    }
    if (target.chap && target.chap->is_mutual()) {
        parameters.push_back({Parameter::username_in, target.chap->username_in});
        parameters.push_back({Parameter::password_in, target.chap->password_in});
    }
    return set_all(transport, connection, parameters);
}

Result<> set_negotiated(IscsiTransport& transport, IscsiConnectionId connection, const Negotiated& agreed) {
    return set_all(transport, connection,
                   {
                       {Parameter::max_receive_data_segment, text(agreed.max_receive_data_segment)},
                       {Parameter::max_transmit_data_segment, text(agreed.max_transmit_data_segment)},
                       {Parameter::header_digest, flag(agreed.header_digest == Digest::crc32c)},
                       {Parameter::data_digest, flag(agreed.data_digest == Digest::crc32c)},
                       {Parameter::initial_r2t, flag(agreed.initial_r2t)},
                       {Parameter::max_outstanding_r2t, text(agreed.max_outstanding_r2t)},
                       {Parameter::immediate_data, flag(agreed.immediate_data)},
                       {Parameter::first_burst, text(agreed.first_burst)},
                       {Parameter::max_burst, text(agreed.max_burst)},
                       {Parameter::pdu_in_order, "1"},
                       {Parameter::data_sequence_in_order, "1"},
                       {Parameter::error_recovery_level, "0"},
                       {Parameter::expected_status_number, text(agreed.expected_status_number)},
                       {Parameter::target_portal_group, text(agreed.target_portal_group)},
                   });
}

} // namespace mangrove::iscsi
