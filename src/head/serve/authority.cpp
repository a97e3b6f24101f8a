#include "head/serve/authority.h"

#include <archive.h>
#include <archive_entry.h>
#include <memory>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "head/host/address.h"
#include "head/host/files.h"
#include "head/serve/boot_script.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Buffer = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr const char* kBegin = "20200101000000Z";
constexpr size_t kBlock = 512; ///< of the archive, after which another one follows
constexpr long kDay = 24 * 60 * 60;
/// Of both certificates: nobody restarts mangrove-head because one ends.
constexpr long kLife = 20 * 365 * kDay;
constexpr long kLeast = 30 * kDay;

std::unexpected<Error> tls_error(std::string_view what) {
    char said[256] = {};
    ::ERR_error_string_n(::ERR_get_error(), said, sizeof said);
    return permanent_error(what, ": ", said);
}

std::string contents_of(const Buffer& buffer) {
    char* data = nullptr;
    long size = BIO_get_mem_data(buffer.get(), &data);
    return {data, static_cast<size_t>(size)};
}

Buffer new_buffer() {
    return {::BIO_new(::BIO_s_mem()), BIO_free};
}

std::string to_pem(const Key& key) {
    Buffer buffer = new_buffer();
    ::PEM_write_bio_PrivateKey(buffer.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return contents_of(buffer);
}

std::string to_pem(const Certificate& certificate) {
    Buffer buffer = new_buffer();
    ::PEM_write_bio_X509(buffer.get(), certificate.get());
    return contents_of(buffer);
}

Result<Key> read_key(const fs::path& file) {
    std::string pem = TRY(read_file(file));
    Buffer buffer(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    Key key(::PEM_read_bio_PrivateKey(buffer.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    if (!key) return tls_error(file.native());
    return key;
}

Result<Certificate> read_certificate(const fs::path& file) {
    std::string pem = TRY(read_file(file));
    Buffer buffer(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    Certificate certificate(::PEM_read_bio_X509(buffer.get(), nullptr, nullptr, nullptr), X509_free);
    if (!certificate) return tls_error(file.native());
    return certificate;
}

void add_extension(const Certificate& certificate, const Certificate& issuer, int kind,
                   const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer.get(), certificate.get(), nullptr, nullptr, 0);
    std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free);
    if (extension) ::X509_add_ext(certificate.get(), extension.get(), -1);
}

/// A certificate that is not signed yet.
Certificate new_certificate(const Key& key, const std::string& name) {
    Certificate certificate(::X509_new(), X509_free);
    ::X509_set_version(certificate.get(), 2);
    unsigned char serial[16];
    ::RAND_bytes(serial, sizeof serial);
    serial[0] &= 0x7f; // a positive number (RFC 5280, 4.1.2.2)
    std::unique_ptr<BIGNUM, decltype(&BN_free)> number(::BN_bin2bn(serial, sizeof serial, nullptr), BN_free);
    ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate.get()));
    ::ASN1_TIME_set_string(::X509_getm_notBefore(certificate.get()), kBegin);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), kLife);
    ::X509_set_pubkey(certificate.get(), key.get());
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

std::string alternative_names(const std::vector<std::string>& addresses) {
    std::vector<std::string> names;
    for (const std::string& address : addresses)
        names.push_back((is_ip_address(address) ? "IP:" : "DNS:") + address);
    return join(names, ",");
}

bool is_for(const Certificate& certificate, const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) {
        int found = is_ip_address(address)
                        ? ::X509_check_ip_asc(certificate.get(), address.c_str(), 0)
                        : ::X509_check_host(certificate.get(), address.c_str(), address.size(), 0, nullptr);
        if (found != 1) return false;
    }
    return true;
}

bool is_good(const Authority& authority, const std::vector<std::string>& addresses,
             const Certificate& issuer) {
    Result<Certificate> server = read_certificate(authority.server);
    if (!server || !is_for(*server, addresses)) return false;
    time_t end = ::time(nullptr) + kLeast;
    return ::X509_cmp_time(::X509_get0_notAfter(server->get()), &end) > 0
           && ::X509_verify(server->get(), ::X509_get0_pubkey(issuer.get())) == 1;
}

/// Of files with keys: where the directory is the group's of mangrove-head (setgid), that reads what root
/// makes.
unsigned mode_for_keys(const fs::path& directory) {
    std::error_code ignored;
    fs::perms permissions = fs::status(directory, ignored).permissions();
    return (permissions & fs::perms::set_gid) != fs::perms::none ? 0640 : 0600;
}

Result<> make_authority(const Authority& authority) {
    // P-256: a node's program checks it without RSA's cost.
    Key key(::EVP_EC_gen("P-256"), EVP_PKEY_free);
    if (!key) return tls_error("making a key");
    Certificate certificate = new_certificate(key, "Mangrove head node");
    ::X509_set_issuer_name(certificate.get(), ::X509_get_subject_name(certificate.get()));
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
    if (::X509_sign(certificate.get(), key.get(), ::EVP_sha256()) == 0) return tls_error("signing");
    TRY(write_file(authority.key, to_pem(key), mode_for_keys(authority.key.parent_path())));
    return write_file(authority.certificate, to_pem(certificate));
}

Result<> make_server(const Authority& authority, const Certificate& issuer,
                     const std::vector<std::string>& addresses) {
    Key signing = TRY(read_key(authority.key));
    Key key(::EVP_EC_gen("P-256"), EVP_PKEY_free);
    if (!key) return tls_error("making a key");
    Certificate certificate = new_certificate(key, addresses[0]);
    ::X509_set_issuer_name(certificate.get(), ::X509_get_subject_name(issuer.get()));
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
    add_extension(certificate, issuer, NID_subject_alt_name, alternative_names(addresses));
    if (::X509_sign(certificate.get(), signing.get(), ::EVP_sha256()) == 0) return tls_error("signing");
    return write_file(authority.server, to_pem(certificate) + to_pem(key),
                      mode_for_keys(authority.server.parent_path()));
}

/// Made where there is none.
Result<std::string> token_key_of(const fs::path& file) {
    constexpr size_t kSize = 32;
    std::error_code ignored;
    if (fs::exists(file, ignored)) return read_file(file);
    std::string key(kSize, '\0');
    if (::RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
        return tls_error("making a key");
    TRY(write_file(file, key, mode_for_keys(file.parent_path())));
    return key;
}

/// Directories that the file is in come before it, as the kernel makes none by itself.
Result<std::string> cpio_with(const std::string& path, const std::string& contents) {
    std::unique_ptr<archive, decltype(&archive_write_free)> writer(::archive_write_new(), archive_write_free);
    std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(::archive_entry_new(),
                                                                        archive_entry_free);
    std::string out(contents.size() + 4096, '\0');
    size_t used = 0;
    ::archive_write_set_format_cpio_newc(writer.get());
    ::archive_write_set_bytes_per_block(writer.get(), 0);
    bool is_good = ::archive_write_open_memory(writer.get(), out.data(), out.size(), &used) == ARCHIVE_OK;
    auto add = [&](const std::string& name, unsigned mode, std::string_view data) {
        ::archive_entry_clear(entry.get());
        ::archive_entry_set_pathname(entry.get(), name.c_str());
        ::archive_entry_set_mode(entry.get(), mode);
        ::archive_entry_set_size(entry.get(), static_cast<int64_t>(data.size()));
        is_good = is_good && ::archive_write_header(writer.get(), entry.get()) == ARCHIVE_OK
                  && ::archive_write_data(writer.get(), data.data(), data.size())
                         == static_cast<ssize_t>(data.size());
    };
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        add(path.substr(1, slash - 1), 0040755, "");
    add(path.substr(1), 0100644, contents);
    is_good = is_good && ::archive_write_close(writer.get()) == ARCHIVE_OK;
    if (!is_good) return permanent_error("writing an archive: ", ::archive_error_string(writer.get()));
    out.resize(used);
    out.resize((used + kBlock - 1) / kBlock * kBlock, '\0');
    return out;
}

} // namespace

Result<Authority> prepare_authority(const fs::path& directory, const std::vector<std::string>& addresses) {
    Authority authority{.certificate = directory / "ca.pem",
                        .key = directory / "ca.key",
                        .server = directory / "server.pem",
                        .archive = directory / "ca.cpio"};
    TRY(make_directories(directory));
    authority.token_key = TRY(token_key_of(directory / "tokens.key"));
    std::error_code ignored;
    if (!fs::exists(authority.certificate, ignored))
        TRY(make_authority(authority), "making ", directory.native());
    Certificate issuer = TRY(read_certificate(authority.certificate));
    if (!is_good(authority, addresses, issuer)) TRY(make_server(authority, issuer, addresses));
    std::string archive = TRY(cpio_with(kAuthorityPath, TRY(read_file(authority.certificate))));
    // Nothing is written where nothing has changed: the disk may be full.
    if (read_file(authority.archive).value_or("") != archive) TRY(write_file(authority.archive, archive));
    return authority;
}

} // namespace mangrove::head
