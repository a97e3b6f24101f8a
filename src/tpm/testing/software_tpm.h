#pragma once

#include <string>
#include <sys/types.h>

#include "base/result.h"
#include "base/stage.h"
#include "base/unique_fd.h"

namespace mangrove::tpm {

/// A TPM of swtpm(8), new and started. Where there is no swtpm, it has no socket.
class SoftwareTpm {
  public:
    SoftwareTpm();
    ~SoftwareTpm();
    SoftwareTpm(const SoftwareTpm&) = delete;
    SoftwareTpm& operator=(const SoftwareTpm&) = delete;

    bool is_running() const { return socket_.is_open(); }
    Result<std::string> answer(std::string_view request);

  private:
    Stage state_;
    pid_t process_ = -1;
    UniqueFd socket_;
};

} // namespace mangrove::tpm
