#pragma once

#include <algorithm>
#include <string>

#include "lazy/serve.h"
#include "lazy/test_memory.h"
#include "system/fake/downloads.h"
#include "system/fake/system.h"

namespace mangrove::lazy {

/// A file of one web server, which is known, and the serving of it to a kernel that is never away.
struct KnownFile {
    explicit KnownFile(std::string contents) : file(std::move(contents)) {
        constexpr const char* kUrl = "http://192.0.2.1/root";
        system.use(downloads);
        downloads.when_waiting = [](Deadline) { return true; };
        downloads.serve_ranges(kUrl, FakeDownloads::serve_file(file, "\"one\""));
        source.urls = {*Url::parse(kUrl)};
        source.size = file.size();
        MirrorMemory& mirror = memory.state().mirrors[0];
        mirror.is_known = true;
        std::ranges::copy(std::string_view("\"one\""), mirror.version.begin());
    }
    ServingEnd serve_over(KernelChannel& channel) {
        return serve(system, source, memory, channel, *take_over(system, memory), Phase::root,
                     [](const ServedState&) {});
    }

    std::string file;
    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    SharedMemory memory = memory_of(256);
    Source source;
};

} // namespace mangrove::lazy
