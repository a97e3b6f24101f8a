#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "head/host/files.h"

namespace mangrove::head {

/// Where the program that renders is, and what it sees of the file system.
struct RenderProgram {
    std::filesystem::path program;
    std::filesystem::path include = "/etc/mangrove/include"; ///< need not exist
};

/// Returns the installed program: mangrove-render beside the running one (as it is built), or in
/// ../libexec/mangrove. The environment variable MANGROVE_RENDER names another one.
Result<RenderProgram> find_render_program();

/// One running mangrove-render: without privileges, network and file system, except for the include
/// directory, and with a limit of memory. It ends with this object.
class RenderProcess {
  public:
    static Result<RenderProcess> start(const RenderProgram& program);
    RenderProcess(RenderProcess&&) noexcept;
    RenderProcess& operator=(RenderProcess&&) = delete;
    ~RenderProcess();

    /// Sends lines and returns as many lines of answer as are expected, or those that came before it ended or
    /// was silent for too long. Then it must be started again.
    std::vector<std::string> exchange(std::string_view requests, size_t expected);
    /// Returns why there were too few answers.
    std::string epitaph();

  private:
    RenderProcess() = default;
    bool write_some(std::string_view& requests);
    bool read_some();

    Stage empty_directory_;
    pid_t process_ = 0;
    UniqueFd channel_; ///< its standard input and output
    UniqueFd said_;
    std::string buffer_;
    std::string problem_;
};

} // namespace mangrove::head
