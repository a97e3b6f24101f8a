#pragma once

#include "head/api/api.h"

/// The functions of the routes, which docs/openapi.yaml describes.
namespace mangrove::head {

Result<Answer> get_status(ApiCall& call);

/// Nodes and groups: the noun is the path's second segment.
Result<Answer> list_objects(ApiCall& call);
Result<Answer> get_object(ApiCall& call);
Result<Answer> put_object(ApiCall& call);
Result<Answer> patch_object(ApiCall& call);
Result<Answer> delete_object(ApiCall& call);
Result<Answer> apply_declaration(ApiCall& call);

Result<Answer> list_events(ApiCall& call);
Result<Answer> undo_event(ApiCall& call);

Result<Answer> list_machines(ApiCall& call);
Result<Answer> accept_machine(ApiCall& call);
Result<Answer> forget_machine(ApiCall& call);

Result<Answer> list_images(ApiCall& call);
Result<Answer> list_publications(ApiCall& call);
Result<Answer> list_files(ApiCall& call);
Result<Answer> get_files(ApiCall& call);

Result<Answer> list_tokens(ApiCall& call);
Result<Answer> add_token(ApiCall& call);
Result<Answer> delete_token(ApiCall& call);

} // namespace mangrove::head
