#include "head/publish/reach.h"

#include <cerrno>
#include <curl/curl.h>
#include <memory>
#include <random>

#include "base/host_port.h"
#include "head/publish/tcp_stream.h"
#include "iscsi/login.h"

namespace mangrove::head {

namespace {

/// A PDU as it is on the wire, its data padded to four bytes.
Result<> send_pdu(TcpStream& stream, const iscsi::Pdu& pdu) {
    Bytes bytes = pdu.header;
    bytes.insert(bytes.end(), pdu.data.begin(), pdu.data.end());
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return stream.write(bytes);
}

Result<iscsi::Pdu> receive_pdu(TcpStream& stream) {
    iscsi::Pdu pdu{TRY(stream.read(iscsi::kHeaderSize)), {}};
    size_t further_header = pdu.header[4] * size_t{4};
    size_t length = size_t{pdu.header[5]} << 16 | size_t{pdu.header[6]} << 8 | pdu.header[7];
    if (length > iscsi::kLoginDataMax) return permanent_error("the target sent ", length, " bytes in a PDU");
    TRY(stream.read(further_header));
    pdu.data = TRY(stream.read((length + 3) / 4 * 4));
    pdu.data.resize(length);
    return pdu;
}

/// A session of another name than any node's, for the target ends a session whose name comes again.
iscsi::Isid random_isid() {
    constexpr uint8_t kRandom = 0x80;
    std::random_device random;
    iscsi::Isid isid = {kRandom};
    for (size_t i = 1; i < 4; ++i)
        isid[i] = static_cast<uint8_t>(random());
    return isid;
}

enum class LoginEnd { logged_in, refused_sha256 };

Result<LoginEnd> log_in_and_out(const definition::Iscsi& wanted, const iscsi::LoginOptions& options,
                                std::chrono::seconds timeout) {
    TcpStream stream = TRY(TcpStream::connect(wanted.host, wanted.port, timeout));
    iscsi::Login login(options);
    iscsi::Pdu request = TRY(login.start());
    for (;;) {
        TRY(send_pdu(stream, request));
        iscsi::LoginStep step = TRY(login.answer(TRY(receive_pdu(stream))));
        if (auto* next = std::get_if<iscsi::Pdu>(&step)) {
            request = std::move(*next);
            continue;
        }
        if (std::holds_alternative<iscsi::Sha256Refused>(step)) return LoginEnd::refused_sha256;
        if (auto* agreed = std::get_if<iscsi::Negotiated>(&step)) {
            TRY(send_pdu(stream, iscsi::logout_request(agreed->expected_status_number)));
            // The login is what counts; some targets close the connection at once.
            static_cast<void>(receive_pdu(stream));
        }
        return LoginEnd::logged_in; // a redirection, too: the target knows where nodes go
    }
}

/// The messages of ONC RPC (RFC 5531) and the data in them (RFC 4506).
class RpcWriter {
  public:
    void number(uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8)
            bytes_.push_back(static_cast<uint8_t>(value >> shift));
    }
    void numbers(std::initializer_list<uint32_t> values) {
        for (uint32_t value : values)
            number(value);
    }
    void opaque(std::string_view value) {
        number(static_cast<uint32_t>(value.size()));
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        bytes_.resize((bytes_.size() + 3) / 4 * 4);
    }
    /// With the mark that TCP needs before a message.
    Bytes marked() const {
        RpcWriter whole;
        whole.number(0x80000000U | static_cast<uint32_t>(bytes_.size()));
        whole.bytes_.insert(whole.bytes_.end(), bytes_.begin(), bytes_.end());
        return whole.bytes_;
    }

  private:
    Bytes bytes_;
};

class RpcReader {
  public:
    explicit RpcReader(Bytes bytes) : bytes_(std::move(bytes)) {}
    Result<uint32_t> number() {
        if (bytes_.size() - at_ < 4) return permanent_error("the NFS server sent a short answer");
        uint32_t value = 0;
        for (int i = 0; i < 4; ++i)
            value = value << 8 | bytes_[at_++];
        return value;
    }
    Result<> skip_opaque() {
        uint32_t size = TRY(number());
        if (bytes_.size() - at_ < size) return permanent_error("the NFS server sent a short answer");
        at_ += std::min<size_t>((size_t{size} + 3) / 4 * 4, bytes_.size() - at_);
        return {};
    }

  private:
    Bytes bytes_;
    size_t at_ = 0;
};

/// A COMPOUND of NFSv4.0 (RFC 7530), which needs no client to be known: PUTROOTFH, and a LOOKUP for each
/// name.
Bytes lookup_call(const std::vector<std::string>& names) {
    constexpr uint32_t kNfs = 100003;
    constexpr uint32_t kPutRootHandle = 24;
    constexpr uint32_t kLookup = 15;
    RpcWriter call;
    call.numbers({1, 0, 2, kNfs, 4, 1});     // a call, RPC version 2, NFS version 4, COMPOUND
    call.numbers({1, 4 * 5, 0, 0, 0, 0, 0}); // AUTH_SYS of root, without the machine's name and groups
    call.numbers({0, 0});                    // no verifier
    call.opaque("");
    call.numbers({0, 1 + static_cast<uint32_t>(names.size()), kPutRootHandle});
    for (const std::string& name : names) {
        call.number(kLookup);
        call.opaque(name);
    }
    return call.marked();
}

/// The status of the COMPOUND; nothing where the server speaks other versions of NFS alone.
Result<std::optional<uint32_t>> lookup_status(TcpStream& stream) {
    constexpr uint32_t kLongest = 65536;
    constexpr uint32_t kVersionMismatch = 10021;
    RpcReader mark(TRY(stream.read(4)));
    uint32_t size = TRY(mark.number()) & 0x7fffffffU;
    if (size > kLongest) return permanent_error("the NFS server sent ", size, " bytes");
    RpcReader reply(TRY(stream.read(size)));
    TRY(reply.number()); // which call
    uint32_t direction = TRY(reply.number());
    if (direction != 1) return permanent_error("no NFS server answers");
    if (TRY(reply.number()) != 0) return permanent_error("the NFS server denies the call");
    TRY(reply.number());
    TRY(reply.skip_opaque());
    if (TRY(reply.number()) != 0) return std::nullopt;
    uint32_t status = TRY(reply.number());
    return status == kVersionMismatch ? std::nullopt : std::optional(status);
}

std::string nfs_status_name(uint32_t status) {
    constexpr std::pair<uint32_t, std::string_view> kNames[] = {
        {1, "not permitted"}, {2, "not found"}, {13, "access denied"}, {10016, "wrong security flavor"}};
    for (const auto& [number, name] : kNames)
        if (number == status) return text(name, " (NFS status ", status, ")");
    return text("NFS status ", status);
}

} // namespace

Result<> reach_iscsi(const definition::Iscsi& wanted, const std::string& initiator,
                     std::chrono::seconds timeout) {
    iscsi::LoginOptions options;
    options.initiator = wanted.initiator.empty() ? initiator : wanted.initiator;
    options.target = wanted.target;
    options.isid = random_isid();
    if (wanted.chap)
        options.chap = iscsi::ChapSecrets{wanted.chap->username, wanted.chap->password,
                                          wanted.chap->username_in, wanted.chap->password_in};
    if (TRY(log_in_and_out(wanted, options, timeout)) == LoginEnd::logged_in) return {};
    options.algorithms = {iscsi::ChapAlgorithm::md5};
    TRY(log_in_and_out(wanted, options, timeout));
    return {};
}

Result<> reach_nbd(const definition::Nbd& wanted, uint64_t size, std::chrono::seconds timeout) {
    TcpStream stream = TRY(TcpStream::connect(wanted.host, wanted.port, timeout));
    nbd::Export found = TRY(nbd::negotiate(stream, wanted.export_name));
    if (size != 0 && found.size < size)
        return permanent_error("the export '", wanted.export_name, "' has ", found.size, " bytes, not ",
                               size);
    constexpr uint8_t kDisconnect = 2;
    Bytes goodbye = {0x25, 0x60, 0x95, 0x13, 0, 0, 0, kDisconnect};
    constexpr size_t kRequestSize = 28;
    goodbye.resize(kRequestSize);
    return stream.write(goodbye);
}

Result<> reach_nfs(const std::string& host, const std::string& path, Refusal refusal,
                   std::chrono::seconds timeout, uint16_t port) {
    std::vector<std::string> names = split(path, '/');
    std::erase(names, "");
    TcpStream stream = TRY(TcpStream::connect(host, port, timeout, TcpStream::OwnPort::reserved));
    TRY(stream.write(lookup_call(names)));
    std::optional<uint32_t> status = TRY(lookup_status(stream));
    if (status.value_or(0) == 0 || refusal == Refusal::is_ignored) return {};
    return permanent_error("the NFS server at ", bracketed(host), " does not export ", path, ": ",
                           nfs_status_name(*status));
}

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// Sends a request for a URL. Returns the status of the answer.
static Result<long> ask_url(const Curl& curl, const std::string& url, std::chrono::seconds timeout) {
    char said[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, static_cast<long>(timeout.count()));
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, said);
    // Nodes have no proxy.
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    // The body is of no use where the status says all.
    if (code != CURLE_OK && code != CURLE_WRITE_ERROR) {
        std::string why = said[0] ? said : curl_easy_strerror(code);
        return std::unexpected(Error{.what = text(url, ": ", why),
                                     .permanence = Permanence::transient,
                                     .code = code == CURLE_COULDNT_CONNECT ? ECONNREFUSED : 0});
    }
    return status;
}

Result<> reach_url(const std::string& url, uint64_t size, std::chrono::seconds timeout) {
    Curl curl(curl_easy_init(), curl_easy_cleanup);
    curl_easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
    long status = TRY(ask_url(curl, url, timeout));
    curl_off_t length = -1;
    curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status != 200) return permanent_error(url, ": the web server answers with status ", status);
    if (size != 0 && length >= 0 && static_cast<uint64_t>(length) != size)
        return permanent_error(url, ": the web server has ", length, " bytes, not ", size);
    return {};
}

/// Has libcurl sign the request for S3, as nodes do.
static Headers sign(const Curl& curl, const definition::Http& http) {
    // libcurl before 8 does not send the digest of the body, which is empty.
    Headers headers(curl_slist_append(nullptr,
                                      "x-amz-content-sha256: "
                                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                    curl_slist_free_all);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_AWS_SIGV4, text("aws:amz:", http.region, ":s3").c_str());
    curl_easy_setopt(curl.get(), CURLOPT_USERNAME, http.username.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PASSWORD, http.password.c_str());
    return headers;
}

Result<> reach_parts_of_url(const definition::Http& http, uint64_t size, std::chrono::seconds timeout) {
    const std::string& url = http.urls.front();
    Curl curl(curl_easy_init(), curl_easy_cleanup);
    Headers headers(nullptr, curl_slist_free_all);
    if (!http.region.empty()) headers = sign(curl, http);
    curl_easy_setopt(curl.get(), CURLOPT_RANGE, "0-0");
    curl_write_callback take_one_byte = [](char*, size_t, size_t count, void*) -> size_t {
        return count == 1 ? 1 : CURL_WRITEFUNC_ERROR;
    };
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_one_byte);
    long status = TRY(ask_url(curl, url, timeout));
    if (status == 200)
        return permanent_error(url, ": the web server does not give out parts of the file (range requests)");
    if (status != 206) return permanent_error(url, ": the web server answers with status ", status);
    curl_header* range = nullptr;
    if (curl_easy_header(curl.get(), "Content-Range", 0, CURLH_HEADER, -1, &range) != CURLHE_OK)
        return permanent_error(url, ": the web server does not say which part of the file it gives out");
    std::string_view written(range->value);
    std::optional<uint64_t> total = parse_number(written.substr(written.rfind('/') + 1));
    if (size != 0 && total && *total != size)
        return permanent_error(url, ": the web server has ", *total, " bytes, not ", size);
    return {};
}

} // namespace mangrove::head
