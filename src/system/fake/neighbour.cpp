#include "system/fake/neighbour.h"

#include <csignal>
#include <cstdlib>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

namespace mangrove {

bool enter_network_namespace() {
    return ::unshare(CLONE_NEWNET) == 0;
}

bool run_command(const std::string& command) {
    return std::system(command.c_str()) == 0;
}

/// The script is the first process of a PID namespace: the kernel kills all others with it.
[[noreturn]] static void be_neighbour(int is_apart, int is_connected, const std::string& script) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte = 0;
    if (::unshare(CLONE_NEWNET | CLONE_NEWPID) != 0 || ::write(is_apart, "", 1) != 1
        || ::read(is_connected, &byte, 1) != 1)
        ::_exit(1);
    pid_t shell = ::fork();
    if (shell == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
        ::_exit(127);
    }
    ::waitpid(shell, nullptr, 0);
    ::_exit(0);
}

Neighbour::Neighbour(const std::string& name_of_our_end, const std::string& script) {
    int is_apart[2];
    int is_connected[2];
    if (::pipe(is_apart) != 0 || ::pipe(is_connected) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) be_neighbour(is_apart[1], is_connected[0], script);
    char byte = 0;
    bool is_ready =
        ::read(is_apart[0], &byte, 1) == 1
        && run_command(text("ip link add ", name_of_our_end, " type veth peer name eth0 netns ", process_))
        && ::write(is_connected[1], "", 1) == 1;
    for (int fd : {is_apart[0], is_apart[1], is_connected[0], is_connected[1]})
        ::close(fd);
    if (!is_ready) std::abort();
}

Neighbour::~Neighbour() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

} // namespace mangrove
