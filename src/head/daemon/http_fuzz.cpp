#include <boost/beast/http.hpp>
#include <cstdint>
#include <sys/socket.h>
#include <thread>

#include "base/stage.h"
#include "base/whole_file.h"
#include "head/daemon/server.h"

using namespace mangrove;
using namespace mangrove::head;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

BootTable make_table() {
    static std::string name = std::filesystem::temp_directory_path() / "http_fuzz-XXXXXX";
    if (!::mkdtemp(name.data())) __builtin_trap();
    static Stage stage{std::filesystem::path(name)};
    std::filesystem::path file = stage.path / "blob";
    if (!write_file(file, std::string(1000, 'b'))) __builtin_trap();
    BootTable table;
    table.nodes["n1"] = {.name = "n1",
                         .macs = {"52:54:00:00:00:01"},
                         .addresses = {"192.0.2.1"},
                         .boots = {{"", {.script = "#!ipxe\n", .definition = "{}", .live = "aa"}}},
                         .files = {"aa"}};
    table.names["52:54:00:00:00:01"] = "n1";
    table.blobs["bb"] = file;
    table.blobs["cc"] = stage.path / "missing";
    table.tars["aa"] = file;
    return table;
}

std::string read_all(const UniqueFd& socket) {
    std::string all;
    char piece[65536];
    for (ssize_t count = 0; (count = ::read(socket.get(), piece, sizeof piece)) > 0;)
        all.append(piece, static_cast<size_t>(count));
    return all;
}

/// Takes one answer off the front of what came. A client that reads another one than was sent can be given
/// files of somebody else.
void take_answer(std::string& came, bool is_of_head) {
    http::response_parser<http::string_body> parser;
    parser.skip(is_of_head);
    parser.eager(true);
    beast::error_code problem;
    size_t used = parser.put(boost::asio::buffer(came), problem);
    if (problem || !parser.is_done()) __builtin_trap();
    came.erase(0, used);
}

} // namespace

/// The input is all that a client sends before it ends its half of the connection.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static BootTable table = make_table();
    std::vector<bool> are_of_head;
    NodeAnswers nodes(
        {.addresses = {"192.0.2.9"}, .leases = {}}, [](const Discovered&) {},
        [](const std::string&, const std::string&) {});
    AnswerRequest answer = [&](Asked asked) {
        are_of_head.push_back(asked.method == "HEAD");
        asked.address = "192.0.2.1";
        asked.port = 700;
        asked.is_tls = true;
        return nodes.answer(table, asked, Admission::Time() + std::chrono::seconds(1000));
    };
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) __builtin_trap();
    UniqueFd client(ends[0]);
    std::string came;
    if (::send(client.get(), data, size, 0) != static_cast<ssize_t>(size)) return 0;
    ::shutdown(client.get(), SHUT_WR);
    {
        std::jthread reader([&] { came = read_all(client); });
        serve_connection(UniqueFd(ends[1]), answer);
    }
    for (bool is_of_head : are_of_head)
        take_answer(came, is_of_head);
    if (!came.empty()) take_answer(came, false); // to what is no request
    if (!came.empty()) __builtin_trap();
    return 0;
}
