#include "system/iscsi_transport.h"

namespace mangrove {

std::string_view iscsi_parameter_name(IscsiParameter parameter) {
    switch (parameter) {
    case IscsiParameter::max_receive_data_segment:
        return "MAX_RECV_DLENGTH";
    case IscsiParameter::max_transmit_data_segment:
        return "MAX_XMIT_DLENGTH";
    case IscsiParameter::header_digest:
        return "HDRDGST_EN";
    case IscsiParameter::data_digest:
        return "DATADGST_EN";
    case IscsiParameter::initial_r2t:
        return "INITIAL_R2T_EN";
    case IscsiParameter::max_outstanding_r2t:
        return "MAX_R2T";
    case IscsiParameter::immediate_data:
        return "IMM_DATA_EN";
    case IscsiParameter::first_burst:
        return "FIRST_BURST";
    case IscsiParameter::max_burst:
        return "MAX_BURST";
    case IscsiParameter::pdu_in_order:
        return "PDU_INORDER_EN";
    case IscsiParameter::data_sequence_in_order:
        return "DATASEQ_INORDER_EN";
    case IscsiParameter::error_recovery_level:
        return "ERL";
    case IscsiParameter::expected_status_number:
        return "EXP_STATSN";
    case IscsiParameter::target_name:
        return "TARGET_NAME";
    case IscsiParameter::target_portal_group:
        return "TPGT";
    case IscsiParameter::persistent_address:
        return "PERSISTENT_ADDRESS";
    case IscsiParameter::persistent_port:
        return "PERSISTENT_PORT";
    case IscsiParameter::recovery_timeout:
        return "SESS_RECOVERY_TMO";
    case IscsiParameter::username:
        return "USERNAME";
    case IscsiParameter::username_in:
        return "USERNAME_IN";
    case IscsiParameter::password:
        return "PASSWORD";
    case IscsiParameter::password_in:
        return "PASSWORD_IN";
    case IscsiParameter::fast_abort:
        return "FAST_ABORT";
    case IscsiParameter::abort_timeout:
        return "ABORT_TMO";
    case IscsiParameter::unit_reset_timeout:
        return "LU_RESET_TMO";
    case IscsiParameter::ping_timeout:
        return "PING_TMO";
    case IscsiParameter::ping_interval:
        return "RECV_TMO";
    case IscsiParameter::interface_name:
        return "IFACE_NAME";
    case IscsiParameter::initiator_name:
        return "INITIATOR_NAME";
    case IscsiParameter::target_reset_timeout:
        return "TGT_RESET_TMO";
    }
    return "unknown";
}

static std::string_view error_words(uint32_t error) {
    switch (error) {
    case 1005:
        return "an unknown PDU";
    case 1006:
        return "a PDU of the wrong length";
    case 1008:
        return "a protocol error";
    case 1011:
        return "the connection failed";
    case 1014:
        return "a wrong header digest";
    case 1015:
        return "a wrong data digest";
    case 1020:
        return "the target closed the connection";
    case 1022:
        return "the target does not answer pings";
    default:
        return "the connection failed";
    }
}

std::string iscsi_error_text(uint32_t error) {
    return text(error_words(error), " (", error, ")");
}

} // namespace mangrove
