#include "head/nodes/testing/etcd_server.h"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"
#include "head/nodes/database.h"

namespace mangrove::head {

namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr int kStarts = 5; ///< as another program may take a port before etcd does
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kPause{20};

} // namespace

int free_port() {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, size) != 0 || ::getsockname(socket.get(), generic, &size) != 0)
        std::abort();
    return ntohs(address.sin_port);
}

bool EtcdServer::is_installed() {
    return ::access(kProgram, X_OK) == 0;
}

EtcdServer& EtcdServer::shared() {
    static EtcdServer server;
    return server;
}

EtcdServer::EtcdServer(std::vector<std::string> options) : options_(std::move(options)) {
    for (int start = 0; start < kStarts; ++start) {
        port_ = free_port();
        peer_port_ = free_port();
        std::filesystem::remove_all(stage_.path / "data");
        launch();
        if (is_serving()) return;
        kill();
    }
    std::fprintf(stderr, "etcd does not start:\n%s\n", read_file(stage_.path / "log").value_or("").c_str());
    std::abort();
}

EtcdServer::~EtcdServer() {
    kill();
}

std::string EtcdServer::endpoint() const {
    return text("127.0.0.1:", port_);
}

void EtcdServer::kill() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
}

void EtcdServer::restart() {
    launch();
    if (!is_serving()) std::abort();
}

void EtcdServer::launch() {
    std::string clients = "http://" + endpoint();
    std::string peers = text("http://127.0.0.1:", peer_port_);
    std::vector<std::string> words = {kProgram, "--data-dir=" + (stage_.path / "data").native(),
                                      "--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
                                      "--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
                                      "--initial-cluster=default=" + peers,
                                      // It elects itself soon when it is started again.
                                      "--heartbeat-interval=20", "--election-timeout=200"};
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::string log = (stage_.path / "log").native();
    process_ = ::fork();
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    char* const no_environment[] = {nullptr};
    ::execve(kProgram, arguments.data(), no_environment);
    ::_exit(127);
}

bool EtcdServer::is_serving() const {
    auto end = std::chrono::steady_clock::now() + kPatience;
    while (is_alive() && std::chrono::steady_clock::now() < end) {
        Result<std::unique_ptr<Database>> opened = open_etcd_database(url("test"));
        // One without a gateway serves, too.
        if (opened || !opened.error().is_transient()) return true;
        std::this_thread::sleep_for(kPause);
    }
    return false;
}

bool EtcdServer::is_alive() const {
    return ::waitpid(process_, nullptr, WNOHANG) == 0;
}

} // namespace mangrove::head
