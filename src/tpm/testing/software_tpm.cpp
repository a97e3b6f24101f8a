#include "tpm/testing/software_tpm.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mangrove::tpm {

SoftwareTpm::SoftwareTpm() {
    char directory[] = "/tmp/mangrove-tpm-XXXXXX";
    if (!::mkdtemp(directory)) return;
    state_.path = directory;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
    UniqueFd theirs(ends[1]);
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::string state = text("dir=", directory);
        ::execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--fd",
                 std::to_string(theirs.get()).c_str(), "--flags", "not-need-init,startup-clear", nullptr);
        ::_exit(127);
    }
    socket_ = UniqueFd(ends[0]);
    // GetRandom of no bytes
    std::string_view ping("\x80\x01\0\0\0\x0c\0\0\x01\x7b\0\0", 12);
    if (!answer(ping)) socket_ = UniqueFd();
}

SoftwareTpm::~SoftwareTpm() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

Result<std::string> SoftwareTpm::answer(std::string_view request) {
    if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(request.size()))
        return system_error(errno, "asking swtpm");
    char answer[4096];
    ssize_t size = ::read(socket_.get(), answer, sizeof answer);
    if (size <= 0) return system_error(size < 0 ? errno : EPIPE, "reading the answer of swtpm");
    // Linux asks again by itself (tpm_transmit).
    constexpr std::string_view kRetry("\0\0\x09\x22", 4);
    if (size == 10 && std::string_view(answer + 6, 4) == kRetry) return this->answer(request);
    return std::string(answer, static_cast<size_t>(size));
}

} // namespace mangrove::tpm
