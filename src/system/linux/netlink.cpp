#include "system/linux/netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "system/linux/wait.h"

namespace mangrove {

static constexpr size_t align(size_t size) {
    return (size + 3) & ~size_t{3};
}

void NetlinkRequest::append(ByteView part) {
    payload_.insert(payload_.end(), part.begin(), part.end());
    payload_.resize(align(payload_.size()));
}

void NetlinkAttributes::add(uint16_t type, ByteView value) {
    nlattr head = {static_cast<uint16_t>(sizeof head + value.size()), type};
    const auto* bytes = reinterpret_cast<const uint8_t*>(&head);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof head);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.resize(align(bytes_.size()));
}

NetlinkRequest& NetlinkRequest::attribute(uint16_t type, ByteView value) {
    NetlinkAttributes attribute;
    attribute.add(type, value);
    append(attribute.bytes());
    return *this;
}

Bytes NetlinkRequest::finish(uint32_t sequence, uint16_t more_flags) const {
    nlmsghdr head = {};
    head.nlmsg_len = static_cast<uint32_t>(sizeof head + payload_.size());
    head.nlmsg_type = type_;
    head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags_ | more_flags);
    head.nlmsg_seq = sequence;
    const auto* bytes = reinterpret_cast<const uint8_t*>(&head);
    Bytes whole(bytes, bytes + sizeof head);
    whole.insert(whole.end(), payload_.begin(), payload_.end());
    return whole;
}

ByteView NetlinkMessage::attributes(size_t header_size) const {
    return ByteView(payload).subspan(std::min(align(header_size), payload.size()));
}

Result<std::vector<NetlinkMessage>> split_netlink(ByteView datagram) {
    std::vector<NetlinkMessage> messages;
    while (!datagram.empty()) {
        nlmsghdr head;
        if (datagram.size() < sizeof head) return permanent_error("a netlink message is truncated");
        std::memcpy(&head, datagram.data(), sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size())
            return permanent_error("a netlink message has a length of ", head.nlmsg_len, " in ",
                                   datagram.size(), " bytes");
        ByteView payload = datagram.subspan(sizeof head, head.nlmsg_len - sizeof head);
        messages.push_back(
            {head.nlmsg_type, head.nlmsg_flags, head.nlmsg_seq, Bytes(payload.begin(), payload.end())});
        datagram = datagram.subspan(std::min(align(head.nlmsg_len), datagram.size()));
    }
    return messages;
}

std::optional<ByteView> find_attribute(ByteView attributes, uint16_t type) {
    nlattr head;
    while (attributes.size() >= sizeof head) {
        std::memcpy(&head, attributes.data(), sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > attributes.size()) return std::nullopt;
        if ((head.nla_type & NLA_TYPE_MASK) == type)
            return attributes.subspan(sizeof head, head.nla_len - sizeof head);
        attributes = attributes.subspan(std::min(align(head.nla_len), attributes.size()));
    }
    return std::nullopt;
}

std::optional<uint32_t> find_number(ByteView attributes, uint16_t type) {
    std::optional<ByteView> value = find_attribute(attributes, type);
    uint32_t number = 0;
    if (!value || value->size() != sizeof number) return std::nullopt;
    std::memcpy(&number, value->data(), sizeof number);
    return number;
}

std::string find_text(ByteView attributes, uint16_t type) {
    std::optional<ByteView> value = find_attribute(attributes, type);
    if (!value) return {};
    return std::string(value->begin(), std::find(value->begin(), value->end(), uint8_t{0}));
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, uint32_t groups) {
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!fd.is_open()) return system_error(errno, "opening a netlink socket");
    sockaddr_nl address = {};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return system_error(errno, "binding a netlink socket");
    // Without it errors come without the kernel's words: no reason to fail.
    int yes = 1;
    (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof yes);
    return NetlinkSocket(std::move(fd));
}

Result<> NetlinkSocket::transmit(const Bytes& request, const std::string& operation) {
    sockaddr_nl kernel = {};
    kernel.nl_family = AF_NETLINK;
    ssize_t sent = 0;
    do {
        sent = ::sendto(fd_.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
                        sizeof kernel);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return system_error(errno, operation);
    return {};
}

/// One datagram of the kernel, of whatever size.
static ssize_t receive_datagram(int fd, int flags, Bytes& datagram) {
    for (;;) {
        ssize_t size = ::recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC | flags);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return size;
        datagram.resize(static_cast<size_t>(size));
        sockaddr_nl sender = {};
        socklen_t sender_size = sizeof sender;
        size = ::recvfrom(fd, datagram.data(), datagram.size(), flags, reinterpret_cast<sockaddr*>(&sender),
                          &sender_size);
        if (size < 0 && errno == EINTR) continue;
        // Any process may send to us: only port 0 is the kernel.
        if (size >= 0 && sender.nl_pid != 0) continue;
        return size;
    }
}

Result<std::vector<NetlinkMessage>> NetlinkSocket::receive(const std::string& operation) {
    Bytes datagram;
    if (receive_datagram(fd_.get(), 0, datagram) < 0) return system_error(errno, operation);
    return TRY(split_netlink(datagram), operation);
}

/// Returns the error of NLMSG_ERROR or NLMSG_DONE: a negative errno, and the kernel's words in an attribute.
static Result<> check_status(const NetlinkMessage& message, const std::string& operation) {
    std::optional<int> status = message.header<int>();
    if (!status) return permanent_error(operation, ": the kernel's answer is truncated");
    if (*status >= 0) return {};
    size_t before_words = sizeof(int);
    if (message.type == NLMSG_ERROR) {
        // The request stands between the status and the words: whole, or its head alone when it was capped.
        std::optional<nlmsgerr> told = message.header<nlmsgerr>();
        if (told)
            before_words =
                sizeof(int) + (message.flags & NLM_F_CAPPED ? sizeof(nlmsghdr) : align(told->msg.nlmsg_len));
    }
    std::string words = find_text(message.attributes(before_words), NLMSGERR_ATTR_MSG);
    return system_error(-*status, operation, words.empty() ? "" : ": ", words);
}

Result<NetlinkMessage> NetlinkSocket::ask(const NetlinkRequest& request, const std::string& operation) {
    TRY(transmit(request.finish(++sequence_, NLM_F_ACK), operation));
    std::optional<NetlinkMessage> answer;
    for (;;) {
        for (NetlinkMessage& message : TRY(receive(operation))) {
            if (message.sequence != sequence_) continue;
            if (message.type != NLMSG_ERROR) {
                answer = std::move(message);
                continue;
            }
            TRY(check_status(message, operation));
            if (!answer) return permanent_error(operation, ": the kernel gave no answer");
            return *std::move(answer);
        }
    }
}

Result<> NetlinkSocket::execute(const NetlinkRequest& request, const std::string& operation) {
    TRY(transmit(request.finish(++sequence_, NLM_F_ACK), operation));
    for (;;) {
        for (const NetlinkMessage& message : TRY(receive(operation)))
            if (message.sequence == sequence_ && message.type == NLMSG_ERROR)
                return check_status(message, operation);
    }
}

Result<std::vector<NetlinkMessage>> NetlinkSocket::dump(const NetlinkRequest& request,
                                                        const std::string& operation) {
    TRY(transmit(request.finish(++sequence_, NLM_F_DUMP), operation));
    std::vector<NetlinkMessage> all;
    bool was_interrupted = false;
    for (;;) {
        for (NetlinkMessage& message : TRY(receive(operation))) {
            if (message.sequence != sequence_) continue;
            if (message.flags & NLM_F_DUMP_INTR) was_interrupted = true;
            if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) {
                TRY(check_status(message, operation));
                // The list changed while it was told: some entries may be missing (or come twice).
                return was_interrupted ? dump(request, operation) : std::move(all);
            }
            all.push_back(std::move(message));
        }
    }
}

Result<bool> NetlinkSocket::drain() {
    bool any = false;
    Bytes datagram;
    for (;;) {
        if (receive_datagram(fd_.get(), MSG_DONTWAIT, datagram) >= 0) {
            any = true;
        } else if (errno == ENOBUFS) {
            any = true; // the kernel dropped messages: something did happen
        } else if (errno == EAGAIN) {
            return any;
        } else {
            return system_error(errno, "listening to the kernel's network events");
        }
    }
}

Result<> NetlinkSocket::join(uint32_t group) {
    if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        return system_error(errno, "joining the netlink group ", group);
    return {};
}

Result<std::vector<NetlinkMessage>> NetlinkSocket::next(Deadline deadline) {
    Bytes datagram;
    for (;;) {
        pollfd waited[] = {{fd_.get(), POLLIN, 0}};
        if (!TRY(wait_for_any(waited, deadline))) return std::vector<NetlinkMessage>();
        if (receive_datagram(fd_.get(), MSG_DONTWAIT, datagram) >= 0) return split_netlink(datagram);
        if (errno != EAGAIN && errno != ENOBUFS) return system_error(errno, "listening to the kernel");
    }
}

} // namespace mangrove
