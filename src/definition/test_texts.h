#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definition/parse.h"

/// Texts for the tests of the parser: a definition that is right but for the members that are put into it.
namespace mangrove::definition {

inline std::vector<std::string> problems_of(std::string_view written) {
    std::vector<std::string> lines;
    for (const Problem& problem : parse_and_check(written).problems)
        lines.push_back(problem.to_text());
    return lines;
}

inline std::string with_mount(const std::string& mount, const std::string& more = "") {
    return R"({"name":"x","mount":)" + mount + more + "}";
}
inline std::string with_top(const std::string& members) {
    return with_mount(R"({"kind":"bind","bind":{"path":"/"}})", members);
}
inline std::string with_bind(const std::string& members) {
    return with_mount(R"({"kind":"bind","bind":{)" + members + "}}");
}
inline std::string with_overlay(const std::string& members) {
    return with_mount(R"({"kind":"overlay","overlay":{)" + members + "}}");
}
inline std::string with_uri(const std::string& members) {
    return with_mount(R"({"kind":"uri","uri":{)" + members + "}}");
}
inline std::string with_nfs(const std::string& members) {
    return with_mount(R"({"kind":"nfs","nfs":{"host":"h","path":"/p")" + members + "}}");
}
inline std::string with_attachment(const std::string& attachment) {
    return with_mount(R"({"kind":"attach","attach":{"attach":)" + attachment + "}}");
}
/// An attachment whose mount has these members, too.
inline std::string with_attach(const std::string& members) {
    return with_mount(R"({"kind":"attach","attach":{"attach":{"kind":"nbd","nbd":{"host":"h"}})" + members
                      + "}}");
}
inline std::string with_verity(const std::string& members) {
    return with_attach(R"(,"verity":{"root_hash":")" + std::string(64, 'a') + "\"" + members + "}");
}
inline std::string with_iscsi(const std::string& members) {
    return with_attachment(
        R"({"kind":"iscsi","iscsi":{"target":"iqn.2003-01.org.example:a","host":"192.0.2.1")" + members
        + "}}");
}
inline std::string with_rbd(const std::string& members) {
    return with_attachment(R"({"kind":"rbd","rbd":{"monitors":["192.0.2.1"],"pool":"p","image":"i")" + members
                           + "}}");
}

inline std::string with_http(const std::string& members) {
    return with_attachment(R"({"kind":"http","http":{)" + members + "}}");
}
inline std::string with_nvme(const std::string& members) {
    return with_attachment(R"({"kind":"nvme","nvme":{"host":"h",)" + members + "}}");
}

inline const std::string kAt = "mount.attach.attach";
inline const std::string kLower = R"("lower":[{"kind":"bind","bind":{"path":"/"}}])";

} // namespace mangrove::definition
