#pragma once

#include <string>

#include "head/command/image_commands.h"
#include "head/publish/output_format.h"

namespace mangrove::head {

enum class Run { dry, real };
/// Whether `publish` reaches what it published as a node does.
enum class Reach { is_checked, is_trusted };
/// Whether `unpublish` and the like may take away what nodes use.
enum class InUse { is_refused, is_taken };
/// Whether `published` fails where something is not served.
enum class Unserved { is_shown, is_error };

/// What each prints goes to standard output.
Result<> publish(const Directories& directories, PublishRequest request, const std::string& reference,
                 Run run, OutputFormat format, Reach reach);
/// `reference`: of a publication ("debian-0123456789ab.nbd", "debian.nbd"), or of an image, all of whose
/// publications are meant.
Result<> unpublish(const Directories& directories, const std::string& reference, Run run, InUse in_use);
Result<> list_published(const Directories& directories, Form form, Unserved unserved);
/// An error where several are meant.
Result<> show_published(const Directories& directories, const std::string& reference, OutputFormat format);

/// The records that `reference` means: a publication, or all of an image. An error where there is none.
Result<std::vector<Record>> find_published(const Directories& directories, const std::string& reference);
/// The only one of them; an error that lists them where there are several, with `command` for the remedy.
Result<Record> find_one_published(const Directories& directories, const std::string& reference,
                                  std::string_view command);
/// An error where nodes use it, that says which.
Result<> check_unused(Host& host, const Record& record, InUse in_use);

} // namespace mangrove::head
