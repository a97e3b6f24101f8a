#include "trust/ssh_signature.h"

#include <algorithm>

#include "base/byte_order.h"
#include "base/excerpt.h"
#include "definition/base64.h"
#include "trust/wire_reader.h"

namespace mangrove::trust {

namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";
constexpr size_t kLargest = 16384;

void add_string(Bytes& message, ByteView field) {
    uint8_t size[4];
    store_be32(size, static_cast<uint32_t>(field.size()));
    message.insert(message.end(), std::begin(size), std::end(size));
    message.insert(message.end(), field.begin(), field.end());
}

Result<std::string_view> without_armor(std::string_view written) {
    written = trim(written);
    if (!written.starts_with(kBegin)) return written;
    written.remove_prefix(kBegin.size());
    size_t end = written.find(kEnd);
    if (end == std::string_view::npos)
        return permanent_error("the signature is truncated; copy the whole of it");
    if (end + kEnd.size() != written.size())
        return permanent_error("more text follows the signature; give one signature and nothing else");
    return written.substr(0, end);
}

} // namespace

std::string one_line(std::string_view written) {
    std::string line(without_armor(written).value_or(""));
    std::erase_if(line, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
    return line;
}

Result<SshSignature> parse_ssh_signature(std::string_view written) {
    if (written.size() > kLargest)
        return permanent_error("the signature is larger than 16 KiB; give one signature and nothing else");
    TRY(without_armor(written));
    std::optional<std::string> blob = definition::from_base64(one_line(written));
    if (!blob || !blob->starts_with(kMagic))
        return permanent_error(
            "the signature is not one of ssh-keygen -Y sign, or is damaged; copy it again");
    WireReader reader(as_bytes(*blob).subspan(kMagic.size()), "the signature");
    uint32_t version = TRY(reader.number());
    if (version != 1)
        return permanent_error("the signature has the unknown version ", version,
                               "; sign with ssh-keygen -Y sign");
    SshSignature signature;
    signature.key = TRY(parse_public_key(TRY(reader.string())));
    signature.name_space = TRY(reader.text());
    TRY(reader.string()); // reserved: verifiers ignore it
    signature.hash = TRY(reader.text());
    if (signature.hash != "sha256" && signature.hash != "sha512")
        return permanent_error("the signature uses the unknown digest '", excerpt(signature.hash),
                               "'; sign with sha512 or sha256");
    ByteView inside = TRY(reader.string());
    signature.signature.assign(inside.begin(), inside.end());
    TRY(reader.finish());
    return signature;
}

Result<> check_ssh_signature(const SshSignature& signature, std::string_view message) {
    if (signature.name_space != kNamespace)
        return permanent_error("the signature is for the namespace '", excerpt(signature.name_space),
                               "', not for '", kNamespace, "'; sign with ssh-keygen -Y sign -n ", kNamespace);
    Bytes signed_bytes(kMagic.begin(), kMagic.end());
    add_string(signed_bytes, as_bytes(signature.name_space));
    add_string(signed_bytes, {});
    add_string(signed_bytes, as_bytes(signature.hash));
    add_string(signed_bytes, digest_of(signature.hash, as_bytes(message)));
    return check_signature(signature.key, signature.signature, signed_bytes);
}

} // namespace mangrove::trust
