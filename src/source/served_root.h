#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "source/frame.h"
#include "source/iscsi_words.h"
#include "source/translation.h"

namespace mangrove {

/// The definition of a root on a server, as a root-path or `root=` names it:
///   iscsi:…                       iscsi_words.h; further URIs behind blanks are further paths to the LUN
///   nbd:SERVER:PORT|EXPORT[:TYPE[:OPTIONS[:OPTIONS OF NBD]]]
///   nfs:SERVER:PATH and others    nfs_words.h
///   [live:]http://…, https, tftp  an image
///   live:nfs:SERVER:PATH          an image in a directory of NFS
///   live:LABEL=…, live:/dev/…     an image on a disk of the node
Result<std::string> served_definition(std::string_view written, const IscsiSettings& settings, Frame frame,
                                      Translation& translation);

/// Returns whether it has one of these forms, valid or not.
bool is_served(std::string_view written);

/// Returns the attachment of iscsi:… or nbd:…. Adds NBD's file system settings to the frame.
Result<Json> served_attachment(std::string_view written, const IscsiSettings& settings, Frame& frame,
                               Translation& translation);

} // namespace mangrove
