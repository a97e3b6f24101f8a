#include "head/api/routes.h"

namespace mangrove::head {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/v1/status", Role::view, get_status},
    {"GET", "/v1/nodes", Role::view, list_objects},
    {"GET", "/v1/nodes/{name}", Role::view, get_object},
    {"PUT", "/v1/nodes/{name}", Role::operate, put_object},
    {"PATCH", "/v1/nodes/{name}", Role::operate, patch_object},
    {"DELETE", "/v1/nodes/{name}", Role::operate, delete_object},
    {"GET", "/v1/groups", Role::view, list_objects},
    {"GET", "/v1/groups/{name}", Role::view, get_object},
    {"PUT", "/v1/groups/{name}", Role::operate, put_object},
    {"PATCH", "/v1/groups/{name}", Role::operate, patch_object},
    {"DELETE", "/v1/groups/{name}", Role::operate, delete_object},
    {"POST", "/v1/apply", Role::operate, apply_declaration},
    {"GET", "/v1/events", Role::view, list_events},
    {"POST", "/v1/events/{number}/undo", Role::operate, undo_event},
    {"GET", "/v1/discovered", Role::view, list_machines},
    {"POST", "/v1/discovered/{mac}/accept", Role::operate, accept_machine},
    {"DELETE", "/v1/discovered/{mac}", Role::operate, forget_machine},
    {"GET", "/v1/images", Role::view, list_images},
    {"GET", "/v1/publications", Role::view, list_publications},
    {"GET", "/v1/files", Role::view, list_files},
    {"GET", "/v1/files/{name}", Role::view, get_files},
    {"GET", "/v1/tokens", Role::admin, list_tokens},
    {"POST", "/v1/tokens/{name}", Role::admin, add_token},
    {"DELETE", "/v1/tokens/{name}", Role::admin, delete_token},
};

} // namespace

std::span<const Route> api_routes() {
    return kRoutes;
}

} // namespace mangrove::head
