#pragma once

#include <string>

namespace mangrove::trust {

/// A definition that ssh-keygen has signed with a key that is gone.
inline const std::string kSignedDefinition =
    R"({"name":"signed","mount":{"kind":"attach","attach":{"attach":{"kind":"loopback",)"
    R"("loopback":{"path":"/root.img"}}}}})";
inline const std::string kSignerLine =
    "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMcaygw4XTPEFEFF9s6A3unf035BJUKm+BdgcCI4Xox\n";
inline const std::string kSignature =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg4xxrKDDhdM8QUQUX2zoDe6d/Tf\n"
    "kElQqb4F2BwIjhejEAAAAIbWFuZ3JvdmUAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVk\n"
    "MjU1MTkAAABAOHBgwuJlBmboCFuXG8moYLss6a01fNgY5tZmuWPK5uO+8Fxoe4sHbj8diu\n"
    "YO+jlBWO8IMZGqdzWbAx8ZF2gkCw==\n"
    "-----END SSH SIGNATURE-----\n";

} // namespace mangrove::trust
