#pragma once

#include "head/api/api.h"

/// The functions of the routes, which docs/openapi.yaml describes.
namespace mangrove::head {

Result<Answer> get_status(ApiCall& call);
/// Tells who asks.
Result<Answer> get_operator(ApiCall& call);
Result<Answer> get_fleet(ApiCall& call);
Result<Answer> get_metrics(ApiCall& call);
/// The nodes as targets of Prometheus (http_sd).
Result<Answer> list_targets(ApiCall& call);
Result<Answer> get_needs_restart(ApiCall& call);

/// Nodes and groups: the noun is the path's second segment.
Result<Answer> list_objects(ApiCall& call);
Result<Answer> get_object(ApiCall& call);
Result<Answer> put_object(ApiCall& call);
Result<Answer> patch_object(ApiCall& call);
Result<Answer> delete_object(ApiCall& call);
Result<Answer> apply_declaration(ApiCall& call);

/// The last boots of a node.
Result<Answer> list_boots(ApiCall& call);
Result<Answer> get_power(ApiCall& call);
Result<Answer> set_power(ApiCall& call);

Result<Answer> list_events(ApiCall& call);
Result<Answer> undo_event(ApiCall& call);

Result<Answer> list_machines(ApiCall& call);
Result<Answer> accept_machine(ApiCall& call);
Result<Answer> forget_machine(ApiCall& call);

Result<Answer> list_profiles(ApiCall& call);
Result<Answer> get_profile(ApiCall& call);
Result<Answer> request_profiles(ApiCall& call);
Result<Answer> list_images(ApiCall& call);
Result<Answer> list_publications(ApiCall& call);
Result<Answer> list_files(ApiCall& call);
Result<Answer> get_files(ApiCall& call);

Result<Answer> list_releases(ApiCall& call);
Result<Answer> get_release(ApiCall& call);
Result<Answer> make_release(ApiCall& call);
Result<Answer> delete_release(ApiCall& call);
Result<Answer> compare_releases(ApiCall& call);

Result<Answer> list_rollouts(ApiCall& call);
Result<Answer> get_rollout(ApiCall& call);
Result<Answer> start_rollout(ApiCall& call);
Result<Answer> order_rollout(ApiCall& call);
/// Of the nodes of the path: hold, unhold or retry, its last segment.
Result<Answer> order_nodes(ApiCall& call);

Result<Answer> list_tokens(ApiCall& call);
Result<Answer> add_token(ApiCall& call);
Result<Answer> delete_token(ApiCall& call);

} // namespace mangrove::head
