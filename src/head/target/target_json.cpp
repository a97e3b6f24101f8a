#include "head/target/target.h"

namespace mangrove::head {

Json to_json(const Target& target) {
    Json json = make_json_object();
    add_text(json.get(), "name", target.name);
    add_text(json.get(), "server", target.server);
    add_text(json.get(), "iqn", target.iqn);
    add_text(json.get(), "host", target.host);
    cJSON_AddNumberToObject(json.get(), "port", target.port);
    add_text(json.get(), "directory", target.directory);
    add_texts(json.get(), "devices", target.devices);
    cJSON_AddBoolToObject(json.get(), "read_only", target.access == Access::read_only);
    add_texts(json.get(), "initiators", target.login.initiators);
    if (!target.login.user.empty()) add_text(json.get(), "chap_user", target.login.user);
    return json;
}

Json to_json(const Lun& lun) {
    Json json = make_json_object();
    add_text(json.get(), "name", lun.name);
    cJSON_AddNumberToObject(json.get(), "lun", static_cast<double>(lun.number));
    add_text(json.get(), "path", lun.path);
    cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(lun.size));
    cJSON_AddBoolToObject(json.get(), "is_block", lun.kind == Lun::Kind::block_device);
    return json;
}

Result<Target> target_from(const Record& record) {
    Json json = TRY(parse_json(record.definition, "the record of " + record.id));
    Target target{.name = text_at(json.get(), "name"),
                  .server = text_at(json.get(), "server"),
                  .iqn = text_at(json.get(), "iqn"),
                  .host = text_at(json.get(), "host"),
                  .port = static_cast<uint16_t>(number_at(json.get(), "port")),
                  .directory = text_at(json.get(), "directory")};
    target.devices = texts_at(json.get(), "devices");
    target.login = {.initiators = texts_at(json.get(), "initiators"),
                    .user = text_at(json.get(), "chap_user")};
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json.get(), "read_only")))
        target.access = Access::read_only;
    return target;
}

Result<Lun> lun_from(const Record& record) {
    Json json = TRY(parse_json(record.definition, "the record of " + record.id));
    bool is_block = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json.get(), "is_block"));
    return Lun{.name = text_at(json.get(), "name"),
               .number = number_at(json.get(), "lun"),
               .path = text_at(json.get(), "path"),
               .size = number_at(json.get(), "size"),
               .kind = is_block ? Lun::Kind::block_device : Lun::Kind::file};
}

} // namespace mangrove::head
