#include <gtest/gtest.h>

#include "definition/test_texts.h"

// Everything that can be wrong with a definition, with the whole message: the JSON path, what is wrong, and
// what was probably meant. What servers answer wrongly stands with their protocols:
// source/root_path_test.cpp, net/url_test.cpp, net/ip_argument_test.cpp, iscsi/login_test.cpp,
// nbd/negotiation_test.cpp.

namespace mangrove::definition {
namespace {

struct Bad {
    std::string written;
    std::vector<std::string> problems;
};

void expect_refusals(const std::vector<Bad>& table) {
    for (const Bad& bad : table)
        EXPECT_EQ(problems_of(bad.written), bad.problems) << bad.written;
}

TEST(Refusals, OfWhatIsNoJson) {
    expect_refusals({
        {"", {"the definition is empty"}},
        {R"({"name":"a","mount":{"kind")",
         {"mount.kind: expected ':' after the key, found the end of the text: is it truncated?"}},
        {R"({"name":"a",)", {"expected a key in double quotes, found the end of the text: is it truncated?"}},
        {"[]", {"expected an object, found a list"}},
        {"{} x", {"text after the end of the definition"}},
        {R"({"name":)", {"name: expected a value, found the end of the text: is it truncated?"}},
        {with_iscsi(R"(,"port":1e999)"), {kAt + ".iscsi.port: the number 1e999 is out of range"}},
        {with_iscsi(R"(,"port":03260)"), {kAt + ".iscsi.port: a number with a leading zero: 03260"}},
        {with_iscsi(R"(,"lun":1,"lun":2)"), {kAt + ".iscsi.lun: duplicate key"}},
        {with_iscsi(",\"scheduler\":\"\xff\""), {kAt + ".iscsi.scheduler: bytes that are not UTF-8"}},
        {with_iscsi(R"(,"scheduler":"a\u0000b")"), {kAt + ".iscsi.scheduler: an unknown escape in a string"}},
        {with_iscsi(std::string(",\"scheduler\":\"a\0b\"", 18)),
         {kAt + ".iscsi.scheduler: a NUL byte in a string"}},
        {"\"a\"", {"expected an object, found a string"}},
        {"{\"name\":nil}", {"name: expected a value"}},
        {"{\"name\":\"x\" \"mount\":1}", {"expected ',' or '}'"}},
        {"{\"name\":[1 2]}", {"name: expected ',' or ']'"}},
        {"{\"name\":\"x}", {"name: a string without its closing quote"}},
        {"{\"name\":\"a\tb\"}", {"name: a control character in a string; write it as \\u00XX"}},
        {"{name:1}", {"expected a key in double quotes"}},
        {with_top(R"(,"timeout":-.5)"), {"timeout: not a number: -.5"}},
    });
}

TEST(Refusals, OfTheWholeDefinition) {
    expect_refusals({
        {"{}", {"mount: is missing"}},
        {R"({"name":"","mount":7})", {"name: is empty", "mount: expected an object, found a number"}},
        {R"({"name":"x","command":"/sbin/init \"a","mount":{"kind":"bind","bind":{"path":"/"}}})",
         {"command: has an unclosed \""}},
        {with_top(R"(,"nmae":"y")"), {"nmae: unknown key; did you mean 'name'?"}},
        {with_top(R"(,"command":"")"), {"command: is empty"}},
        {with_top(R"(,"command":"init")"), {"command: must begin with the path of a program"}},
        {with_top(R"(,"hostname":"no de")"),
         {"hostname: is not a host name (letters, digits, - and ., at most 64)"}},
        {with_top(R"(,"timeout":"5m")"), {"timeout: expected a number, found a string"}},
        {with_top(R"(,"timeout":-1)"), {"timeout: is out of range (0 to 86400)"}},
        {with_top(R"(,"report":"http://head/")"), {"report: expected an object, found a string"}},
        {with_top(R"(,"report":{})"), {"report.url: is missing"}},
        {with_top(R"(,"report":{"url":""})"), {"report.url: is empty"}},
        {with_top(R"(,"report":{"url":"tftp://head/x"})"), {"report.url: is not an http or https URL"}},
        {with_top(R"(,"report":{"url":"http://head/{mca}"})"),
         {"report.url: unknown placeholder '{mca}'; known: {mac}, {uuid}, {serial}, {hostname}, {ip}"}},
        {with_top(R"(,"report":{"url":"http://head/{mac"})"), {"report.url: '{' without '}'"}},
        {with_top(R"(,"report":{"url":"http://head/","spread":7200})"),
         {"report.spread: is out of range (0 to 3600)"}},
        {with_top(R"(,"report":{"url":"http://head/","delay":5})"), {"report.delay: unknown key"}},
        {with_top(R"(,"files":["/etc/motd"])"), {"files: expected an object, found a list"}},
        {with_top(R"(,"files":{"interval":60})"), {"files.url: is missing"}},
        {with_top(R"(,"files":{"url":"file:/live"})"), {"files.url: is not an http or https URL"}},
        {with_top(R"(,"files":{"url":"http://head/{name}"})"),
         {"files.url: unknown placeholder '{name}'; known: {mac}, {uuid}, {serial}, {hostname}, {ip}"}},
        {with_top(R"(,"files":{"url":"http://head/","interval":4})"),
         {"files.interval: is out of range (5 to 86400)"}},
        {with_top(R"(,"files":{"url":"http://head/","spread":5})"), {"files.spread: unknown key"}},
        {with_top(R"(,"systemd":"yes")"), {"systemd: expected true or false, found a string"}},
        {with_top(R"(,"fallback":{})"), {"fallback: expected a list of definitions, found an object"}},
        {with_top(R"(,"fallback":[7])"), {"fallback[0]: expected an object, found a number"}},
        {with_top(R"(,"fallback":[{"name":"y"}])"), {"fallback[0].mount: is missing"}},
    });
}

TEST(Refusals, OfMounts) {
    expect_refusals({
        {R"({"name":"x","mount":{"kind":"isci"}})",
         {"mount.kind: unknown kind 'isci'; known: attach, bind, nfs, overlay, uri"}},
        {R"({"name":"x","mount":{"kind":"overlay","attach":{}}})",
         {"mount.overlay: is missing", "mount.attach: unknown key"}},
        {R"({"name":"x","mount":{"kind":"overlay","overlay":{"lower":[]}}})",
         {"mount.overlay.lower: is empty: an overlay needs at least one mount"}},
        {with_mount("{}"), {"mount.kind: is missing"}},
        {with_bind(""), {"mount.bind.path: is missing"}},
        {with_bind(R"("path":"/a","base":"rot")"),
         {"mount.bind.base: unknown base 'rot'; did you mean 'root'?"}},
        {with_bind(R"("path":"/a","base":"mount")"), {"mount.bind.mount: is missing"}},
        {with_bind(R"("path":"/a","mount":{"kind":"bind","bind":{"path":"/"}})"),
         {"mount.bind.mount: can only be used with \"base\": \"mount\""}},
        {with_overlay(""), {"mount.overlay.lower: is missing"}},
        {with_overlay(R"("lower":{})"), {"mount.overlay.lower: expected a list of mounts, found an object"}},
        {with_overlay(R"("lower":["a"])"), {"mount.overlay.lower[0]: expected an object, found a string"}},
        {with_overlay(kLower + R"(,"upper":{"size":"lots"})"),
         {"mount.overlay.upper.size: 'lots' is not a size; write it like 512M, 2G or 50%"}},
        {with_overlay(kLower + R"(,"upper":{"size":"101%"})"),
         {"mount.overlay.upper.size: '101%' is not a size; write it like 512M, 2G or 50%"}},
        {with_overlay(kLower + R"(,"upper":{"path":"a"})"),
         {"mount.overlay.upper.path: can only be used with 'mount'"}},
        {with_overlay(kLower + R"(,"upper":{"size":"1G","mount":{"kind":"bind","bind":{"path":"/"}}})"),
         {"mount.overlay.upper.size: cannot be used with 'mount'"}},
        {with_nfs(R"(,"options":["nconnect=4","rsize=65536,vers=3"])"),
         {"mount.nfs.options[1]: 'vers=3' cannot be set here: set 'version' instead"}},
        {with_nfs(R"(,"options":["ro","soft","proto=udp"])"),
         {"mount.nfs.options[0]: 'ro' cannot be set here: set 'ro' instead",
          "mount.nfs.options[1]: 'soft' cannot be set here: a root always waits for its server",
          "mount.nfs.options[2]: 'proto=udp' cannot be set here: it is always TCP"}},
        {with_nfs(R"(,"options":["sec=sys","sec=krb5p","xprtsec=none","xprtsec=tls"])"),
         {"mount.nfs.options[1]: 'sec=krb5p' cannot be set here: it needs a service that does not run before "
          "the root is mounted",
          "mount.nfs.options[3]: 'xprtsec=tls' cannot be set here: it needs a service that does not run "
          "before the root is mounted"}},
        {with_nfs(R"(,"options":["port=0","mountport","mountport=65536"])"),
         {"mount.nfs.options[0]: 'port=0': a port is a number from 1 to 65535",
          "mount.nfs.options[1]: 'mountport': a port is a number from 1 to 65535",
          "mount.nfs.options[2]: 'mountport=65536': a port is a number from 1 to 65535"}},
        {with_nfs(R"(,"version":"4")"), {"mount.nfs.version: unknown version '4'; known: 3, 4.0, 4.1, 4.2"}},
        {with_nfs(R"(,"options":"ro")"), {"mount.nfs.options: expected a list of strings, found a string"}},
        {with_nfs(R"(,"options":["",1])"),
         {"mount.nfs.options[0]: is empty", "mount.nfs.options[1]: expected a string, found a number"}},
        {with_mount(R"({"kind":"nfs","nfs":{"host":"h","path":"images"}})"),
         {"mount.nfs.path: must begin with /"}},
        {with_uri(R"("uri":"ftp://head/x")"), {"mount.uri.uri: is not an http, https, tftp or file URI"}},
        {with_uri(R"("uri":"http://head/x","digest":"sha256:00")"),
         {"mount.uri.digest: is not 'sha256:' and 64 lower-case hexadecimal digits"}},
        {with_uri(R"("uri":"http://head/x","size":"0")"),
         {"mount.uri.size: '0' is not a size; write it like 512M, 2G or 50%"}},
    });
}

TEST(Refusals, OfVerity) {
    std::string hash(64, 'a');
    std::string at = "mount.attach.verity";
    expect_refusals({
        {with_verity(""), {}},
        {with_verity(R"(,"salt":"-","hash_offset":4096,"on_corruption":"restart")"), {}},
        {with_attach(R"(,"verity":"hash")"), {at + ": expected an object, found a string"}},
        {with_attach(R"(,"verity":{})"), {at + ".root_hash: is missing"}},
        {with_attach(R"(,"verity":{"root_hash":"ab"})"),
         {at + ".root_hash: is not 64 lower-case hexadecimal digits (SHA-256)"}},
        {with_attach(R"(,"verity":{"root_hash":")" + std::string(64, 'A') + "\"}"),
         {at + ".root_hash: is not 64 lower-case hexadecimal digits (SHA-256)"}},
        {with_verity(R"(,"root-hash":"")"), {at + ".root-hash: unknown key; did you mean 'root_hash'?"}},
        {with_verity(R"(,"salt":"a")"),
         {at + ".salt: is neither '-' nor up to 256 bytes in lower-case hexadecimal digits"}},
        {with_verity(R"(,"salt":")" + std::string(514, 'a') + "\""),
         {at + ".salt: is neither '-' nor up to 256 bytes in lower-case hexadecimal digits"}},
        {with_verity(R"(,"hash_offset":100)"), {at + ".hash_offset: is not a multiple of 4096"}},
        {with_verity(R"(,"on_corruption":"ignore")"),
         {at + ".on_corruption: unknown on_corruption 'ignore'; known: error, restart"}},
        {with_verity(R"(,"no_superblock":true)"),
         {at + ".salt: is missing: \"no_superblock\" needs it",
          at + ".data_blocks: is missing: \"no_superblock\" needs it",
          at + ".hash_offset: is missing: \"no_superblock\" needs it"}},
        {with_verity(R"(,"hash_device":{"kind":"local","local":{}})"),
         {at + ".hash_device.local.path: is missing: give one of path, label, uuid, partuuid, partlabel"}},
        {with_uri(R"("uri":"http://a/b","verity":{})"),
         {"mount.uri.verity: is for block devices; 'digest' covers a file"}},
        {with_nfs(R"(,"verity":{})"),
         {"mount.nfs.verity: cannot cover a tree of files; publish the image's file over NFS (kind "
          "'loopback' "
          "on this mount), or use another kind"}},
    });
}

TEST(Refusals, OfReadahead) {
    std::string at = "mount.attach.readahead";
    expect_refusals({
        {with_attach(R"(,"readahead":0)"), {}},
        {with_attach(R"(,"readahead":65536)"), {}},
        {with_attach(R"(,"readahead":-4)"), {at + ": is out of range (0 to 65536)"}},
        {with_attach(R"(,"readahead":65540)"), {at + ": is out of range (0 to 65536)"}},
        {with_attach(R"(,"readahead":2)"), {at + ": is not a multiple of 4 (KiB)"}},
        {with_attach(R"(,"readahead":"128")"), {at + ": expected a number, found a string"}},
        {with_attach(R"(,"read_ahead":128)"),
         {"mount.attach.read_ahead: unknown key; did you mean 'readahead'?"}},
    });
}

TEST(Refusals, OfTables) {
    std::string at = "mount.attach.tables";
    expect_refusals({
        {with_attach(R"(,"tables":"device","fs_type":"ext4")"), {}},
        {with_attach(R"(,"tables":"memory","fs_type":"squashfs")"), {}},
        {with_attach(R"(,"tables":"memory")"), {}},
        {with_attach(R"(,"tables":"memory","fs_type":"ext4")"),
         {at + ": is for squashfs, and 'fs_type' is ext4"}},
        {with_attach(R"(,"tables":"ram")"), {at + ": unknown tables 'ram'; known: device, memory"}},
        {with_attach(R"(,"tables":true)"), {at + ": expected a string, found true or false"}},
    });
}

TEST(Refusals, OfVerityWhereSomethingIsWritten) {
    std::string verity = R"("verity":{"root_hash":")" + std::string(64, 'a') + "\"}";
    std::string attach = R"("attach":{"kind":"nbd","nbd":{"host":"h"}})";
    expect_refusals({
        {with_attach(R"(,"mount_options":["rw"],)" + verity),
         {"mount.attach.verity: cannot be used with the mount option 'rw': a verified device is read-only"}},
        {with_mount(R"({"kind":"attach","attach":{"attach":{"kind":"rbd","rbd":{"monitors":["h"],"pool":"p",)"
                    R"("image":"i","options":{"rw":true}}},)"
                    + verity + "}}"),
         {"mount.attach.verity: cannot be used with \"rw\": a verified device is read-only"}},
        {with_overlay(kLower + R"(,"upper":{"mount":{"kind":"attach","attach":{)" + attach + "," + verity
                      + "}}}"),
         {"mount.overlay.upper.mount: has 'verity': a verified device is read-only and cannot be an upper"}},
    });
}

TEST(Refusals, OfAttachments) {
    expect_refusals({
        {with_attachment(R"({"kind":"isci"})"), {kAt + ".kind: unknown kind 'isci'; did you mean 'iscsi'?"}},
        {with_iscsi(R"(,"prot":1)"), {kAt + ".iscsi.prot: unknown key; did you mean 'port'?"}},
        {with_iscsi(R"(,"port":70000)"), {kAt + ".iscsi.port: is out of range (1 to 65535)"}},
        {with_iscsi(R"(,"port":3260.5)"), {kAt + ".iscsi.port: expected a whole number"}},
        {with_iscsi(R"(,"port":"3260")"), {kAt + ".iscsi.port: expected a number, found a string"}},
        {with_iscsi(R"(,"initiator":"node7")"),
         {kAt + ".iscsi.initiator: 'node7' is not an iSCSI name: it begins with iqn., eui. or naa."}},
        {with_iscsi(R"(,"portals":["192.0.2.2:99999"])"),
         {kAt + ".iscsi.portals[0]: '192.0.2.2:99999' is not a host, host:port or [IPv6]:port"}},
        {with_iscsi(R"(,"chap":{"username":"u","password":"p","username_in":"v"})"),
         {kAt + ".iscsi.chap.password_in: is missing: mutual CHAP needs both"}},
        {with_attachment(R"({"kind":"local","local":{"label":"a","uuid":"b"}})"),
         {kAt + ".local.path: only one of path, label, uuid, partuuid and partlabel can be given"}},
        {with_attachment(R"({"kind":"nbd","nbd":{"host":"h","connections":0}})"),
         {kAt + ".nbd.connections: is out of range (1 to 16)"}},
        {with_attachment("{}"), {kAt + ".kind: is missing"}},
        {with_attachment(R"({"kind":"iscsi","iscsi":{"target":"iqn.2003-01.org.example:a"}})"),
         {kAt + ".iscsi.host: is missing"}},
        {with_iscsi(R"(,"initiator":"iqn.a b")"),
         {kAt + ".iscsi.initiator: contains a character that is not allowed in an iSCSI name"}},
        {with_iscsi(R"(,"initiator":"iqn.)" + std::string(220, 'x') + "\""),
         {kAt + ".iscsi.initiator: is longer than the 223 bytes of an iSCSI name"}},
        {with_iscsi(R"(,"lun":16384)"), {kAt + ".iscsi.lun: is out of range (0 to 16383)"}},
        {with_iscsi(R"(,"data_digest":"crc32")"),
         {kAt + ".iscsi.data_digest: unknown data_digest 'crc32'; did you mean 'crc32c'?"}},
        {with_iscsi(R"(,"chap":{"username":"u"})"), {kAt + ".iscsi.chap.password: is missing"}},
        {with_iscsi(R"(,"chap":{"username":"u","password":"s","username_in":"v","password_in":"s"})"),
         {kAt + ".iscsi.chap.password_in: must differ from 'password' (RFC 7143, 9.2.1)"}},
        {with_attachment(R"({"kind":"rbd","rbd":{}})"),
         {kAt + ".rbd.monitors: is missing", kAt + ".rbd.pool: is missing", kAt + ".rbd.image: is missing"}},
        {with_rbd(R"(,"snapshot":"a b")"),
         {kAt + ".rbd.snapshot: contains a blank, which krbd does not accept"}},
        {with_rbd(R"(,"options":{"ms_mode":"secured"})"),
         {kAt + ".rbd.options.ms_mode: unknown ms_mode 'secured'; did you mean 'secure'?"}},
        {with_rbd(R"(,"options":{"secrt":"x"})"),
         {kAt + ".rbd.options.secrt: unknown key; did you mean 'secret'?"}},
        {with_rbd(R"(,"options":{"name":"client.node","pool_ns":"a b","fsid":"a,rw"})"),
         {kAt + ".rbd.options.name: must be the user's name without 'client.'",
          kAt + ".rbd.options.pool_ns: contains a blank or a comma, which the kernel does not accept",
          kAt + ".rbd.options.fsid: contains a blank or a comma, which the kernel does not accept"}},
        {with_http(""), {kAt + ".http.urls: is missing"}},
        {with_http(R"("urls":[])"), {kAt + ".http.urls: has 0 URLs; expected 1 to 8"}},
        {with_http(R"("urls":["http://h/a","ftp://h/a","https:///a","http://h/a b"])"),
         {kAt + ".http.urls[1]: is not an http, https or oci URL",
          kAt + ".http.urls[2]: is not an http, https or oci URL",
          kAt + ".http.urls[3]: is not an http, https or oci URL"}},
        {with_http(R"("urls":["oci://h/a","oci://h/a:v1","oci://h/A@sha256:00","oci://h"])"),
         {kAt + ".http.urls[0]: has no digest: expected …@sha256:…, the manifest's",
          kAt + ".http.urls[1]: has no digest: expected …@sha256:…, the manifest's",
          kAt + ".http.urls[2]: expected sha256: and 64 digits after '@'",
          kAt + ".http.urls[3]: no repository: expected oci://REGISTRY/REPOSITORY"}},
        {with_http(R"("urls":["http://u:p@h/a@b"])"),
         {kAt + ".http.urls[0]: holds a user name; give it as 'username' and 'password'"}},
        {with_http(R"("urls":["http://h/a"],"password":"p")"),
         {kAt + ".http.username: is missing: 'password' needs it"}},
        {with_http(R"("urls":["http://h/a"],"username":"u:v","token":"a b")"),
         {kAt + ".http.username: contains a ':', which Basic authentication does not allow",
          kAt + ".http.token: cannot be used with 'username'",
          kAt + ".http.token: contains a character that is not allowed in a token"}},
        {with_http(R"("urls":["http://h/a"],"username":"u","access_key":"a/b","region":"")"),
         {kAt + ".http.secret_key: is missing: a signature needs both",
          kAt + ".http.access_key: cannot be used with 'username' or 'token'",
          kAt + ".http.access_key: contains a character that is not allowed there",
          kAt + ".http.region: is empty"}},
        {with_http(R"("urls":["http://h/a"],"secret_key":"s","region":"eu:west")"),
         {kAt + ".http.access_key: is missing: a signature needs both",
          kAt + ".http.region: contains a character that is not allowed there"}},
        {with_http(R"("urls":["http://h/a"],"region":"eu")"),
         {kAt + ".http.region: needs 'access_key' and 'secret_key'"}},
        {with_http(R"("urls":["http://h/a"],"cache":{},"fill":4097)"),
         {kAt + ".http.cache.path: expected exactly one of path, partuuid and partlabel",
          kAt + ".http.fill: is out of range (0 to 4096)"}},
        {with_http(R"("urls":["http://h/a"],"cache":{"path":"/dev/vda","partlabel":"x","uuid":"y"})"),
         {kAt + ".http.cache.path: expected exactly one of path, partuuid and partlabel",
          kAt + ".http.cache.uuid: unknown key"}},
        {with_http(R"("urls":["http://h/a"],"fill":1)"),
         {kAt
          + ".http.fill: needs a cache that holds the file: a disk as 'cache', or a 'cache_mib' as large"}},
        {with_http(R"("urls":["http://h/a"],"cache_mib":1)"),
         {kAt + ".http.cache_mib: is out of range (4 to 4096)"}},
        {with_http(R"("urls":["http://h/a"],"prefetch":"0-1,2,4-3,-5,6-,x")"),
         {kAt + ".http.prefetch: '2' is not a range of bytes, as 0-499",
          kAt + ".http.prefetch: '4-3' is not a range of bytes, as 0-499",
          kAt + ".http.prefetch: '-5' is not a range of bytes, as 0-499",
          kAt + ".http.prefetch: '6-' is not a range of bytes, as 0-499",
          kAt + ".http.prefetch: 'x' is not a range of bytes, as 0-499"}},
        {with_http(R"("urls":["http://h/a"],"prefetch_round_trip":-1)"),
         {kAt + ".http.prefetch_round_trip: is out of range (0 to 10000)"}},
        {with_nvme(R"("nqn":"nqn.a,ctrl_loss_tmo=1")"),
         {kAt + ".nvme.nqn: contains a blank or a comma, which the kernel does not accept"}},
        {with_nvme(R"("nqn":"nqn.)" + std::string(220, 'x') + "\""),
         {kAt + ".nvme.nqn: is longer than the 223 bytes of an NVMe name"}},
        {with_nvme(R"("nqn":"nqn.a","hostid":"node7")"), {kAt + ".nvme.hostid: is not a UUID"}},
        {with_nvme(R"("nqn":"nqn.a","hostid":"2f1e4b7c-7a1d-4f0e-9c55-0b6e8f1a2d3g")"),
         {kAt + ".nvme.hostid: is not a UUID"}},
        {with_nvme(R"("nqn":"nqn.a","dhchap_secret":"hunter2")"),
         {kAt + ".nvme.dhchap_secret: is not a DH-HMAC-CHAP key, which begins with DHHC-1:"}},
        {with_attachment(R"({"kind":"loopback","loopback":{"path":"/a","partition":256}})"),
         {kAt + ".loopback.partition: is out of range (0 to 255)"}},
        {with_attachment(R"({"kind":"local","local":{}})"),
         {kAt + ".local.path: is missing: give one of path, label, uuid, partuuid, partlabel"}},
    });
}

} // namespace
} // namespace mangrove::definition
