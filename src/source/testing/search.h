#pragma once

#include <gtest/gtest.h>

#include "source/source.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {

/// A search for the definition of a machine without cards, files and servers.
struct SearchTest : testing::Test {
    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakeDownloads downloads{transcript};
    KernelCommandLine command_line;
    Boot boot{system};
    Search search{boot, command_line};
};

} // namespace mangrove
