#pragma once

namespace mangrove {

/// Has cJSON wipe what it frees, as the operators of this program do: what held a password or a key (the text
/// of a definition, the words of a login) leaves nothing behind when it is gone.
void wipe_freed_json();

} // namespace mangrove
