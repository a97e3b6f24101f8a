#include "head/api/routes.h"

namespace mangrove::head {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/v1/status", Role::view, get_status},
    {"GET", "/v1/me", Role::view, get_operator},
    {"GET", "/v1/fleet", Role::view, get_fleet},
    {"GET", "/metrics", Role::view, get_metrics},
    {"GET", "/v1/prometheus-sd", Role::view, list_targets},
    {"GET", "/v1/needs-restart", Role::view, get_needs_restart},
    {"GET", "/v1/nodes", Role::view, list_objects},
    {"GET", "/v1/nodes/{name}", Role::view, get_object},
    {"PUT", "/v1/nodes/{name}", Role::operate, put_object},
    {"PATCH", "/v1/nodes/{name}", Role::operate, patch_object},
    {"DELETE", "/v1/nodes/{name}", Role::operate, delete_object},
    {"GET", "/v1/nodes/{name}/power", Role::operate, get_power},
    {"POST", "/v1/nodes/{name}/power", Role::operate, set_power},
    {"GET", "/v1/nodes/{name}/boots", Role::view, list_boots},
    {"POST", "/v1/nodes/{name}/hold", Role::operate, order_nodes},
    {"POST", "/v1/nodes/{name}/unhold", Role::operate, order_nodes},
    {"POST", "/v1/nodes/{name}/retry", Role::operate, order_nodes},
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
    {"GET", "/v1/profiles", Role::view, list_profiles},
    {"POST", "/v1/profiles", Role::operate, request_profiles},
    {"GET", "/v1/profiles/{name}", Role::view, get_profile},
    {"GET", "/v1/images", Role::view, list_images},
    {"GET", "/v1/publications", Role::view, list_publications},
    {"GET", "/v1/files", Role::view, list_files},
    {"GET", "/v1/files/{name}", Role::view, get_files},
    {"GET", "/v1/releases", Role::view, list_releases},
    {"POST", "/v1/releases", Role::operate, make_release},
    {"GET", "/v1/releases/{id}", Role::view, get_release},
    {"DELETE", "/v1/releases/{id}", Role::operate, delete_release},
    {"GET", "/v1/releases/{id}/diff/{other}", Role::view, compare_releases},
    {"GET", "/v1/rollouts", Role::view, list_rollouts},
    {"POST", "/v1/rollouts", Role::operate, start_rollout},
    {"GET", "/v1/rollouts/{id}", Role::view, get_rollout},
    {"POST", "/v1/rollouts/{id}/{order}", Role::operate, order_rollout},
    {"GET", "/v1/tokens", Role::admin, list_tokens},
    {"POST", "/v1/tokens/{name}", Role::admin, add_token},
    {"DELETE", "/v1/tokens/{name}", Role::admin, delete_token},
};

} // namespace

std::span<const Route> api_routes() {
    return kRoutes;
}

} // namespace mangrove::head
