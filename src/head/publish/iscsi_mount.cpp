#include "head/publish/iscsi_mount.h"

namespace mangrove::head {

std::string target_name(const PublishRequest& request) {
    return request.target.empty() ? target_name_for(request.image.id) : request.target;
}

Json iscsi_mount(const PublishRequest& request, const std::string& target) {
    Json iscsi = make_json_object();
    add_text(iscsi.get(), "host", request.address);
    if (request.port != 0) cJSON_AddNumberToObject(iscsi.get(), "port", request.port);
    add_text(iscsi.get(), "target", target);
    cJSON_AddNumberToObject(iscsi.get(), "lun", static_cast<double>(request.lun));
    if (request.login.initiators.size() == 1) add_text(iscsi.get(), "initiator", request.login.initiators[0]);
    if (!request.login.user.empty()) {
        cJSON* chap = add_object(iscsi.get(), "chap");
        add_text(chap, "username", request.login.user);
        add_text(chap, "password", request.login.password);
    }
    return attach_mount(request.image, "iscsi", std::move(iscsi));
}

} // namespace mangrove::head
