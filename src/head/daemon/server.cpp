#include "head/daemon/server.h"

#include <utility> // asio 1.18 needs it and does not include it

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <unordered_set>

#include "base/log.h"

namespace mangrove::head {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::use_awaitable;
using Clock = std::chrono::steady_clock;
using TcpStream = asio::ip::tcp::socket;
using UnixStream = asio::local::stream_protocol::socket;
using TlsStream = beast::ssl_stream<TcpStream>;
using Request = http::request_parser<http::string_body>;

/// For a request, from its first byte on or from the answer before it, and for each piece of an answer.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::seconds kPatienceWithTls{20};
constexpr uint32_t kLargestHeader = 8 * 1024;
constexpr uint64_t kLargestBody = 1024 * 1024;
constexpr uint64_t kLargestBodyOfOperators = 64 * 1024 * 1024;
constexpr size_t kThreadsOfOperators = 2;
/// Records of nodes are written one after the other.
constexpr size_t kThreadsOfNodes = 2;
constexpr std::chrono::seconds kStreamPause{1};
/// An event stream with nothing to say says so, so that a peer that is gone is noticed.
constexpr int kPausesOfSilence = 15;
constexpr size_t kPiece = 256 * 1024;

/// An open file that is sent, or a part of it.
struct Part {
    UniqueFd file = {};
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t whole = 0;
};

Result<Part> open_part(const std::filesystem::path& path) {
    Part part{.file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))};
    struct stat status = {};
    if (!part.file.is_open() || ::fstat(part.file.get(), &status) != 0)
        return system_error(errno, path.native());
    part.whole = part.end = static_cast<uint64_t>(status.st_size);
    return part;
}

/// Of "bytes=FIRST-" and "bytes=FIRST-LAST" (RFC 9110, 14.1.2), all else is answered with the whole file.
/// Returns false where there is nothing at that place.
bool apply_range(Part& part, std::string_view range, bool& is_part) {
    if (!range.starts_with("bytes=")) return true;
    std::vector<std::string> ends = split(range.substr(6), '-');
    if (ends.size() != 2) return true;
    std::optional<uint64_t> first = parse_number(ends[0]);
    std::optional<uint64_t> last = parse_number(ends[1]);
    if (!first || (!last && !ends[1].empty()) || (last && *last < *first)) return true;
    if (*first >= part.whole) return false;
    is_part = true;
    part.begin = *first;
    if (last && *last < part.whole) part.end = *last + 1;
    return true;
}

std::string in_quotes(const std::string& tag) {
    return "\"" + tag + "\"";
}

/// A header with a text, or behind it a part of a file or a stream.
struct Reply {
    http::response<http::string_body> message = {};
    Part part = {};
    std::function<Result<std::string>()> follow = {};
    bool goes_on = false; ///< the connection takes another request
};

void set_fields(http::response<http::string_body>& header, const Answer& answer) {
    header.set(http::field::server, "mangrove-head");
    if (answer.is_for_browsers) {
        header.set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'");
        header.set("X-Content-Type-Options", "nosniff");
        header.set("Referrer-Policy", "no-referrer");
    }
    if (!answer.tag.empty()) header.set(http::field::etag, in_quotes(answer.tag));
    if (answer.retry_after.count() > 0)
        header.set(http::field::retry_after, text(answer.retry_after.count()));
    if (answer.status == 401) header.set(http::field::www_authenticate, "Bearer");
    if (answer.status == 405) header.set(http::field::allow, answer.allow);
    header.set(http::field::cache_control,
               answer.is_immutable ? "public, max-age=31536000, immutable" : "no-store");
    if (answer.status == 204 || answer.status == 304) return;
    header.set(http::field::content_type, answer.type);
    if (!answer.follow) header.content_length(answer.body.size());
}

void set_part(Reply& reply, const Answer& answer, const http::request<http::string_body>& request) {
    std::string_view range = {request[http::field::range].data(), request[http::field::range].size()};
    std::string_view condition = {request[http::field::if_range].data(),
                                  request[http::field::if_range].size()};
    bool is_part = false;
    bool is_wanted = condition.empty() || condition == in_quotes(answer.tag);
    if (is_wanted && !apply_range(reply.part, range, is_part)) {
        reply.message.result(http::status::range_not_satisfiable);
        reply.message.set(http::field::content_range, text("bytes */", reply.part.whole));
        reply.part.end = 0;
    }
    if (is_part) {
        reply.message.result(http::status::partial_content);
        reply.message.set(http::field::content_range,
                          text("bytes ", reply.part.begin, "-", reply.part.end - 1, "/", reply.part.whole));
    }
    reply.message.set(http::field::accept_ranges, "bytes");
    reply.message.content_length(reply.part.end - reply.part.begin);
}

/// How requests of one kind of peers are answered.
struct Answering {
    AnswerRequest answer;
    uint64_t largest_body;
    asio::thread_pool* threads = nullptr; ///< of Answer::finish
    Meter* meter = nullptr;
};

Asked asked_by(const http::request<http::string_body>& request, Asked asked) {
    asked.method = std::string(request.method_string());
    asked.target = std::string(request.target());
    asked.if_none_match = std::string(request[http::field::if_none_match]);
    asked.if_match = std::string(request[http::field::if_match]);
    asked.authorization = std::string(request[http::field::authorization]);
    asked.last_event_id = std::string(request["Last-Event-ID"]);
    asked.body = request.body();
    return asked;
}

Reply reply_with(Answer answer, const http::request<http::string_body>& request) {
    Reply reply{.follow = answer.follow, .goes_on = request.keep_alive() && !answer.follow};
    if (!answer.file.empty()) {
        Result<Part> opened = open_part(answer.file);
        if (opened) {
            reply.part = *std::move(opened);
        } else {
            log_warning(opened.error().what);
            answer = {.status = 503, .body = "the file cannot be read; see the log of mangrove-head\n"};
        }
    }
    reply.message.result(answer.status);
    reply.message.version(request.version());
    reply.message.keep_alive(reply.goes_on);
    set_fields(reply.message, answer);
    if (reply.part.file.is_open()) set_part(reply, answer, request);
    if (request.method() == http::verb::head)
        reply.part.end = reply.part.begin;
    else
        reply.message.body() = std::move(answer.body);
    return reply;
}

/// To what is no request; nothing where the peer went away.
std::optional<Reply> refusal_of(beast::error_code problem) {
    bool is_too_large = problem == http::error::body_limit || problem == http::error::header_limit;
    bool is_http = problem.category() == http::make_error_code(http::error::bad_value).category();
    if (!is_http || problem == http::error::end_of_stream || problem == http::error::partial_message)
        return {};
    Reply reply;
    reply.message.result(is_too_large ? http::status::payload_too_large : http::status::bad_request);
    reply.message.keep_alive(false);
    reply.message.content_length(0);
    return reply;
}

/// A connection that ends when its time is over. The server looks at all of them every second: a timer for
/// each read and write would cost as much as an answer.
class TimedConnection {
  public:
    TimedConnection() = default;
    virtual ~TimedConnection() = default;
    TimedConnection(const TimedConnection&) = delete;
    TimedConnection& operator=(const TimedConnection&) = delete;

    virtual void end() = 0;
    bool is_late(Clock::time_point now) const { return now >= deadline_; }

  protected:
    void expire(std::chrono::seconds patience) { deadline_ = Clock::now() + patience; }
    void expire_never() { deadline_ = Clock::time_point::max(); }

  private:
    Clock::time_point deadline_ = Clock::time_point::max();
};

/// The connection of one peer, over whichever stream. What its coroutines await has no temporary values: GCC
/// 12 destroys some of them twice.
template <typename Stream>
class Session : public TimedConnection {
  public:
    Session(Stream stream, const Answering& answering, Asked peer)
        : stream_(std::move(stream)), answering_(answering), peer_(std::move(peer)) {}

    awaitable<void> run() {
        if constexpr (std::is_same_v<Stream, TlsStream>) {
            expire(kPatienceWithTls);
            co_await stream_.async_handshake(asio::ssl::stream_base::server, use_awaitable);
        }
        for (bool goes_on = true; goes_on;)
            goes_on = co_await respond();
        beast::error_code ignored;
        beast::get_lowest_layer(stream_).shutdown(asio::socket_base::shutdown_send, ignored);
    }

    /// Makes the operation fail that it waits for.
    void end() override {
        beast::error_code ignored;
        beast::get_lowest_layer(stream_).close(ignored);
    }

  private:
    awaitable<bool> respond() {
        Request request;
        request.header_limit(kLargestHeader);
        request.body_limit(answering_.largest_body);
        expire(kPatience);
        beast::error_code problem;
        auto token = asio::redirect_error(use_awaitable, problem);
        co_await http::async_read(stream_, buffer_, request, token);
        Clock::time_point begin = Clock::now();
        const char* route = Answer().route;
        std::optional<Reply> reply = problem ? refusal_of(problem) : std::nullopt;
        if (!problem) {
            Answer answer = answering_.answer(asked_by(request.get(), peer_));
            route = answer.route;
            if (answer.finish) {
                std::function<Answer()> finish = std::move(answer.finish);
                std::function<void()> work = [&] { answer = finish(); };
                co_await run_work(work);
                if (std::string_view(route) == Answer().route) route = answer.route;
            }
            reply = reply_with(std::move(answer), request.get());
        }
        if (!reply) co_return false;
        uint64_t bytes = reply->message.body().size() + reply->part.end - reply->part.begin;
        co_await send(*reply);
        count(route, reply->message.result_int(), Clock::now() - begin, bytes);
        if (reply->follow) co_await send_stream(reply->follow);
        co_return reply->goes_on;
    }

    void count(const char* route, unsigned status, Clock::duration time, uint64_t bytes) const {
        double seconds = std::chrono::duration<double>(time).count();
        if (answering_.meter) answering_.meter->count_request(route, status, seconds, bytes);
    }

    /// Waits for what blocks in another thread; the connection stays open meanwhile.
    awaitable<void> run_work(std::function<void()>& work) {
        expire_never();
        auto executor = stream_.get_executor();
        asio::steady_timer done(executor, asio::steady_timer::time_point::max());
        asio::post(*answering_.threads, [&] {
            work();
            asio::post(executor, [&done] { done.cancel(); });
        });
        beast::error_code woken;
        auto token = asio::redirect_error(use_awaitable, woken);
        co_await done.async_wait(token);
    }

    /// Until the peer goes away. An error of the source ends the stream; the peer comes again.
    awaitable<void> send_stream(std::function<Result<std::string>()>& follow) {
        asio::steady_timer timer(stream_.get_executor());
        for (int silence = 0;; ++silence) {
            Result<std::string> more;
            std::function<void()> work = [&] { more = follow(); };
            co_await run_work(work);
            if (!more) co_return;
            if (more->empty() && silence >= kPausesOfSilence) *more = ":\n\n";
            if (!more->empty()) {
                silence = 0;
                expire(kPatience);
                auto data = asio::buffer(*more);
                co_await asio::async_write(stream_, data, use_awaitable);
            }
            timer.expires_after(kStreamPause);
            co_await timer.async_wait(use_awaitable);
        }
    }

    awaitable<void> send(Reply& reply) {
        http::response_serializer<http::string_body> serializer(reply.message);
        expire(kPatience);
        if (!reply.part.file.is_open()) {
            co_await http::async_write(stream_, serializer, use_awaitable);
            co_return;
        }
        co_await http::async_write_header(stream_, serializer, use_awaitable);
        std::vector<char> piece(std::min<uint64_t>(kPiece, reply.part.end - reply.part.begin));
        while (reply.part.begin < reply.part.end) {
            auto data = next(reply.part, piece);
            expire(kPatience);
            co_await asio::async_write(stream_, data, use_awaitable);
        }
    }

    /// The connection ends early where the file does, so that the peer sees that not all came.
    static asio::const_buffer next(Part& part, std::vector<char>& piece) {
        size_t wanted = std::min<uint64_t>(piece.size(), part.end - part.begin);
        ssize_t count = ::pread(part.file.get(), piece.data(), wanted, static_cast<off_t>(part.begin));
        if (count <= 0) throw beast::system_error(asio::error::eof);
        part.begin += static_cast<uint64_t>(count);
        return asio::buffer(piece.data(), static_cast<size_t>(count));
    }

    Stream stream_;
    const Answering& answering_;
    Asked peer_;
    beast::flat_buffer buffer_;
};

class Server {
  public:
    explicit Server(Service service) : service_(std::move(service)) {}

    Result<> run() {
        boost::system::error_code problem;
        tls_.use_certificate_chain_file(service_.certificate, problem);
        if (!problem) tls_.use_private_key_file(service_.certificate, asio::ssl::context::pem, problem);
        if (problem) return permanent_error(service_.certificate.native(), ": ", problem.message());
        ::SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
        asio::signal_set signals(context_, SIGTERM, SIGINT);
        signals.async_wait([&](auto, int) { context_.stop(); });
        asio::ip::tcp::acceptor http(context_, asio::ip::tcp::v6(), service_.listeners.http.release());
        asio::ip::tcp::acceptor https(context_, asio::ip::tcp::v6(), service_.listeners.https.release());
        asio::local::stream_protocol::acceptor api(context_, asio::local::stream_protocol(),
                                                   service_.listeners.api.release());
        spawn(accept_all(http, [this](auto socket) { start_plain(std::move(socket)); }));
        spawn(accept_all(https, [this](auto socket) { start_tls(std::move(socket), nodes_); }));
        spawn(accept_all(api, [this](auto socket) { start_local(std::move(socket)); }));
        asio::ip::tcp::acceptor remote(context_);
        if (service_.listeners.operators.is_open()) {
            remote.assign(asio::ip::tcp::v6(), service_.listeners.operators.release());
            spawn(accept_all(remote, [this](auto socket) { start_tls(std::move(socket), operators_); }));
        }
        spawn(tick());
        context_.run();
        threads_.join();
        threads_of_nodes_.join();
        return {};
    }

  private:
    void spawn(awaitable<void> work) { asio::co_spawn(context_, std::move(work), asio::detached); }

    awaitable<void> tick() {
        asio::steady_timer timer(context_);
        for (;;) {
            timer.expires_after(std::chrono::seconds(1));
            co_await timer.async_wait(use_awaitable);
            for (TimedConnection* session : sessions_)
                if (session->is_late(Clock::now())) session->end();
            service_.every_second();
        }
    }

    template <typename Acceptor, typename Start>
    awaitable<void> accept_all(Acceptor& acceptor, Start start) {
        asio::steady_timer timer(context_);
        for (;;) {
            beast::error_code problem;
            auto token = asio::redirect_error(use_awaitable, problem);
            auto socket = co_await acceptor.async_accept(token);
            if (problem) {
                // Out of descriptors or memory: those that are open come to their end.
                log_warning("taking a connection: ", problem.message());
                timer.expires_after(std::chrono::milliseconds(100));
                co_await timer.async_wait(use_awaitable);
            } else if (sessions_.size() < service_.connections) {
                send_at_once(socket);
                start(std::move(socket));
            }
        }
    }

    /// Until it ends, one more is open. A peer that breaks off ends its own session alone.
    template <typename Stream>
    awaitable<void> run_session(std::shared_ptr<Session<Stream>> session) {
        sessions_.insert(session.get());
        service_.meter.count_connections(1);
        try {
            co_await session->run();
        } catch (const beast::system_error&) {
        } catch (const std::exception& problem) {
            log_warning("answering a request: ", problem.what());
        }
        sessions_.erase(session.get());
        service_.meter.count_connections(-1);
    }

    template <typename Stream>
    void start(Stream stream, const Answering& answering, Asked peer) {
        spawn(run_session(std::make_shared<Session<Stream>>(std::move(stream), answering, std::move(peer))));
    }

    /// Small answers do not wait until the peer has acknowledged what came before (RFC 1122, 4.2.3.4).
    static void send_at_once(asio::ip::tcp::socket& socket) {
        boost::system::error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    static void send_at_once(asio::local::stream_protocol::socket&) {}

    static Asked peer_of(const asio::ip::tcp::socket& socket, bool is_tls) {
        boost::system::error_code gone;
        asio::ip::tcp::endpoint peer = socket.remote_endpoint(gone);
        asio::ip::address address = peer.address();
        if (address.is_v6() && address.to_v6().is_v4_mapped())
            address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
        return {.target = {}, .address = address.to_string(), .port = peer.port(), .is_tls = is_tls};
    }

    void start_plain(asio::ip::tcp::socket socket) {
        Asked peer = peer_of(socket, false);
        start(std::move(socket), nodes_, std::move(peer));
    }
    void start_tls(asio::ip::tcp::socket socket, const Answering& answering) {
        Asked peer = peer_of(socket, true);
        start(TlsStream(std::move(socket), tls_), answering, std::move(peer));
    }
    void start_local(asio::local::stream_protocol::socket socket) {
        ucred peer = {};
        socklen_t size = sizeof peer;
        if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
        start(std::move(socket), operators_, Asked{.target = {}, .user = peer.uid});
    }

    Service service_;
    asio::thread_pool threads_{kThreadsOfOperators};
    asio::thread_pool threads_of_nodes_{kThreadsOfNodes};
    Answering nodes_{service_.answer_node, kLargestBody, &threads_of_nodes_, &service_.meter};
    Answering operators_{service_.answer_operator, kLargestBodyOfOperators, &threads_, &service_.meter};
    asio::io_context context_{1};
    asio::ssl::context tls_{asio::ssl::context::tls_server};
    std::unordered_set<TimedConnection*> sessions_; ///< those that are open
};

} // namespace

Result<> serve(Service service) {
    return Server(std::move(service)).run();
}

void serve_connection(UniqueFd socket, const AnswerRequest& answer) {
    asio::io_context context{1};
    asio::local::stream_protocol::socket peer(context, asio::local::stream_protocol(), socket.release());
    Answering answering{answer, kLargestBody};
    Session<UnixStream> session(std::move(peer), answering, Asked{.target = {}});
    asio::co_spawn(context, session.run(), [](const std::exception_ptr& problem) {
        if (problem) std::rethrow_exception(problem);
    });
    try {
        context.run();
    } catch (const beast::system_error&) { // the peer broke off
    }
}

} // namespace mangrove::head
