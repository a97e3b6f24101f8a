#include "system/linux/curl_error.h"

#include <ctime>

#include "system/linux/curl_handle.h"

namespace mangrove {

namespace {

struct CertificateProblem {
    std::string_view said; ///< by mbedTLS (the static program) or OpenSSL
    std::string_view means;
    bool depends_on_clock = false;
};

constexpr CertificateProblem kCertificateProblems[] = {
    {"validity has expired", "has expired", true},
    {"certificate has expired", "has expired", true},
    {"validity starts in the future", "is not yet valid", true},
    {"is not yet valid", "is not yet valid", true},
    {"has been revoked", "has been revoked"},
    {"unacceptable hash", "is signed with SHA-1 or another hash that is too weak"},
    {"too weak", "has a signature or a key that is too weak"},
    {"unacceptable key", "has a key that is too weak, for example RSA below 2048 bits"},
    {"does not match with the expected CN", "is for another host name"},
    {"target host name", "is for another host name"},
    {"not correctly signed", "is not signed by a trusted authority"},
    {"self-signed", "is not signed by a trusted authority"},
    {"issuer certificate", "is not signed by a trusted authority"},
};

std::string today() {
    std::time_t now = std::time(nullptr);
    std::tm date = {};
    ::gmtime_r(&now, &date);
    char shown[] = "2000-01-01";
    std::strftime(shown, sizeof shown, "%F", &date);
    return shown;
}

long number(const CurlTransfer& transfer, CURLINFO info) {
    long value = 0;
    ::curl_easy_getinfo(transfer.handle, info, &value);
    return value;
}

curl_off_t count(const CurlTransfer& transfer, CURLINFO info) {
    curl_off_t value = 0;
    ::curl_easy_getinfo(transfer.handle, info, &value);
    return value;
}

std::string_view said(const CurlTransfer& transfer) {
    return *transfer.said ? transfer.said : "no reason given";
}

std::unexpected<Error> timeout_error(const CurlTransfer& transfer) {
    // The clock of libcurl's TFTP has whole seconds, that of its waits milliseconds.
    milliseconds early(transfer.is_http ? 10 : 1000);
    if (transfer.time_limit.count() > 0
        && count(transfer, CURLINFO_TOTAL_TIME_T)
               >= std::chrono::microseconds(transfer.time_limit - early).count())
        return transient_error("timed out after ", std::chrono::ceil<seconds>(transfer.time_limit).count(),
                               " s");
    if (count(transfer, CURLINFO_STARTTRANSFER_TIME_T) == 0)
        return transient_error("timed out waiting for the server");
    return transient_error("the server sent less than ", kCurlLeastRate, " bytes a second for ",
                           transfer.patience.count(), " s, after ", count(transfer, CURLINFO_SIZE_DOWNLOAD_T),
                           " bytes");
}

std::unexpected<Error> connection_error(CURLcode outcome, const CurlTransfer& transfer) {
    const char* operation = outcome == CURLE_COULDNT_CONNECT ? "connecting"
                            : outcome == CURLE_SEND_ERROR    ? "sending the request"
                                                             : "receiving the answer";
    long code = number(transfer, CURLINFO_OS_ERRNO);
    if (outcome == CURLE_COULDNT_CONNECT && code != 0) return system_error(static_cast<int>(code), operation);
    return transient_error(operation, ": ", said(transfer));
}

std::unexpected<Error> truncation_error(const CurlTransfer& transfer) {
    curl_off_t whole = count(transfer, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    curl_off_t received = count(transfer, CURLINFO_SIZE_DOWNLOAD_T);
    if (whole < 0)
        return transient_error("the server closed the connection after ", received,
                               " bytes, before the end of the file");
    return transient_error("the server closed the connection after ", received, " of ", whole, " bytes");
}

std::unexpected<Error> certificate_error(const CurlTransfer& transfer) {
    std::string_view given = transfer.said;
    for (const CertificateProblem& problem : kCertificateProblems) {
        if (given.find(problem.said) == std::string_view::npos) continue;
        std::string clock =
            problem.depends_on_clock ? text(" (the clock of this node says ", today(), ")") : "";
        return permanent_error("the certificate of the server ", problem.means, clock);
    }
    return permanent_error("the certificate of the server was rejected: ", said(transfer));
}

std::unexpected<Error> to_error(CURLcode outcome, const CurlTransfer& transfer) {
    switch (outcome) {
    case CURLE_OPERATION_TIMEDOUT:
        return timeout_error(transfer);
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return connection_error(outcome, transfer);
    case CURLE_GOT_NOTHING:
        return transient_error("the server closed the connection without an answer");
    case CURLE_PARTIAL_FILE:
        return truncation_error(transfer);
    case CURLE_SSL_CONNECT_ERROR:
        return transient_error("starting TLS: ", said(transfer));
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_error(transfer);
    case CURLE_SSL_CACERT_BADFILE:
        return permanent_error("the CA certificates in ", transfer.authorities, " cannot be read");
    case CURLE_TFTP_NOTFOUND:
    case CURLE_FILE_COULDNT_READ_FILE:
        return permanent_error("file not found");
    case CURLE_TFTP_PERM:
        return permanent_error("the server denied access to this file");
    default:
        return permanent_error("libcurl's error ", static_cast<int>(outcome), ": ", said(transfer));
    }
}

} // namespace

Error curl_error(CURLcode outcome, const CurlTransfer& transfer) {
    return to_error(outcome, transfer).error();
}

} // namespace mangrove
