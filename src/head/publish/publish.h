#pragma once

#include <optional>
#include <string>
#include <vector>

#include "head/image/store.h"
#include "head/publish/journal.h"
#include "head/publish/login.h"

namespace mangrove::head {

/// The region of S3 that a definition need not name.
inline constexpr const char* kUsualRegion = "us-east-1";

/// An image and how to publish it; each server reads the fields that concern it.
struct PublishRequest {
    Image image;
    std::string over;       ///< iscsi, nbd, nfs, http, rbd, s3, oci
    std::string server;     ///< empty: the first that the transport has
    std::string address;    ///< at which nodes reach the server
    uint16_t port = 0;      ///< 0: the transport's own
    bool has_verity = true; ///< nodes verify the image, where it has a hash tree
    std::string command;    ///< what the node starts; empty: the definition's default

    std::string target = {};       ///< iscsi: the IQN; empty: made from the image's id
    uint64_t lun = 1;              ///< iscsi, tgt
    Login login = {};              ///< iscsi
    std::string backing_type = {}; ///< tgt: "sheepdog", "rbd", … in the place of the image's file
    std::string backing_store = {};

    std::string directory = {}; ///< nbd, nfs: of the server's configuration; http: that the web server serves
    std::string clients = "*";  ///< nfs: who may mount
    /// nbd, nfs: a shell's command that makes the server read its configuration again; "": none is needed.
    std::optional<std::string> reload = {};
    std::string url = {};      ///< http: of `directory`; s3: the endpoint
    bool is_on_demand = false; ///< http: nodes read the parts that they use, and do not copy the whole image
    std::string pool = "rbd";  ///< rbd
    std::string bucket = {};   ///< s3
    std::string region = kUsualRegion;
    std::string credentials = {};      ///< s3: a file of s3cmd's with the keys of a writer
    std::string node_credentials = {}; ///< s3: the same of nodes; oci: their USER:PASSWORD; empty: none
    std::string public_read = {};      ///< s3: what everyone may read: "boot" or "all"; empty: nothing
    std::string repository = {};       ///< oci: REGISTRY/REPOSITORY
    std::string authfile = {};         ///< oci: containers-auth.json(5) of who pushes; empty: skopeo's own
    std::string records = {};          ///< the directory of the journal, for a file that only root may read
};

/// The steps, and the mount that a node's definition has as its lowest layer.
struct Plan {
    std::vector<Step> steps;
    Json mount;
    /// Where an iPXE script that boots the image belongs, after all other steps; empty: nowhere.
    std::string script_path = {};
    std::vector<Step> after_script = {};
};

/// A way to publish: a file each, and a line in the table of publish.cpp.
Result<Plan> plan_tgt(Host& host, const PublishRequest& request);
Result<Plan> plan_lio(Host& host, const PublishRequest& request);
Result<Plan> plan_nbd_server(Host& host, const PublishRequest& request);
Result<Plan> plan_knfsd(Host& host, const PublishRequest& request);
Result<Plan> plan_ganesha(Host& host, const PublishRequest& request);
Result<Plan> plan_rbd(Host& host, const PublishRequest& request);
Result<Plan> plan_s3(Host& host, const PublishRequest& request);
Result<Plan> plan_registry(Host& host, const PublishRequest& request);
Result<Plan> plan_directory(Host& host, const PublishRequest& request);

/// Everything that publishing will do, not yet done.
Result<Record> plan_publication(Host& host, const PublishRequest& request);

/// Returns a sentence for each thing that the administrator has to know beside it. `server`: the one that was
/// chosen.
std::vector<std::string> publish_warnings(Host& host, const PublishRequest& request, std::string_view server);

/// The mount of a block device.
Json attach_mount(const Image& image, const char* kind, Json attachment);

/// The mount of a file of web servers, read on demand. An image that is laid out by a profile brings what the
/// boot will read. `further`: other keys of the attachment.
Result<Json> http_mount(const Image& image, const std::vector<std::string>& urls,
                        Json further = make_json_object());

/// "iscsi (tgt)", … for help.
std::string known_transports();
std::vector<std::string> transport_names();
std::vector<std::string> server_names();

} // namespace mangrove::head
