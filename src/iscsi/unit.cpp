#include "iscsi/unit.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/byte_order.h"
#include "base/log.h"
#include "iscsi/session.h"
#include "iscsi/socket_exchange.h"
#include "machine/each_address.h"

namespace mangrove::iscsi {

namespace {

constexpr uint8_t kIdentificationPage = 0x83;
constexpr uint32_t kPage = 4096;

using Command = std::array<uint8_t, 16>;

/// SPC-4 section 6.6: for the identification page.
constexpr Command inquiry() {
    return {0x12, 1, kIdentificationPage, kPage >> 8, 0, 0};
}

/// SBC-3 section 5.11: READ(10) of the first page.
constexpr Command read_beginning(uint32_t block_size) {
    return {0x28, 0, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(kPage / block_size), 0};
}

/// RFC 7143 section 11.3.
Pdu to_pdu(const Command& command, uint64_t kernel_lun, uint32_t number, uint32_t expected_status_number) {
    constexpr uint8_t kScsiCommand = 0x01;
    constexpr uint8_t kFinalReadSimple = 0xc1;
    Pdu pdu = {Bytes(kHeaderSize), {}};
    pdu.header[0] = kScsiCommand;
    pdu.header[1] = kFinalReadSimple;
    // As int_to_scsilun of the kernel: two bytes a level, the first level in the lowest bits.
    for (size_t level = 0; level < 4; ++level) {
        pdu.header[8 + 2 * level] = static_cast<uint8_t>(kernel_lun >> (16 * level + 8));
        pdu.header[9 + 2 * level] = static_cast<uint8_t>(kernel_lun >> (16 * level));
    }
    store_be32(&pdu.header[16], number + 1);
    store_be32(&pdu.header[20], kPage);
    store_be32(&pdu.header[24], number);
    store_be32(&pdu.header[28], expected_status_number);
    std::ranges::copy(command, pdu.header.begin() + 32);
    return pdu;
}

/// A session in its full feature phase, of which the kernel knows nothing.
class Question {
  public:
    Question(System& system, PduExchange exchange, uint64_t kernel_lun, uint32_t expected_status_number)
        : system_(system), exchange_(std::move(exchange)), kernel_lun_(kernel_lun),
          expected_status_number_(expected_status_number) {}

    /// The data of the command; empty when the target does not carry it out.
    Result<std::string> ask(const Command& command) {
        // A new session is first told that it is new (unit attention).
        constexpr int kAttempts = 4;
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            TRY(exchange_.send(to_pdu(command, kernel_lun_, number_++, expected_status_number_)));
            Answer answer = TRY(receive());
            if (answer.is_good) return answer.data;
        }
        return std::string();
    }
    void end() { static_cast<void>(exchange_.send(logout_request(expected_status_number_)).has_value()); }

  private:
    struct Answer {
        bool is_good = false;
        std::string data;
    };

    Result<Answer> receive() {
        constexpr uint8_t kOpcodeMask = 0x3f, kDataIn = 0x25, kResponse = 0x21, kHasStatus = 0x01;
        Deadline deadline = system_.now() + kStepTimeout;
        Answer answer;
        for (;;) {
            Pdu pdu = TRY(exchange_.receive(deadline));
            uint8_t opcode = pdu.header[0] & kOpcodeMask;
            bool is_data = opcode == kDataIn;
            if (is_data) answer.data.append(pdu.data.begin(), pdu.data.end());
            if (answer.data.size() > kPage)
                return permanent_error("the target sent more data than requested");
            bool is_end = opcode == kResponse || (is_data && (pdu.header[1] & kHasStatus) != 0);
            if (!is_end) continue;
            expected_status_number_ = load_be32(&pdu.header[24]) + 1;
            answer.is_good = pdu.header[3] == 0 && (is_data || pdu.header[2] == 0);
            return answer;
        }
    }

    System& system_;
    PduExchange exchange_;
    uint64_t kernel_lun_;
    uint32_t expected_status_number_;
    uint32_t number_ = 0; ///< CmdSN, from that of the login on
};

Result<std::optional<Question>> log_in_beside(System& system, const LoginTarget& target,
                                              const Session& session, const UniqueFd& connection,
                                              const std::vector<ChapAlgorithm>& algorithms) {
    constexpr uint32_t kBesideTheKernels = 1U << 23;
    LoginOptions options;
    options.initiator = target.initiator;
    options.target = target.target;
    options.isid = isid_of_session(session.number.id | kBesideTheKernels);
    options.chap = target.chap;
    options.algorithms = algorithms;
    if (target.chap && target.chap->is_mutual()) options.random = TRY(system.random_bytes(Chap::kRandomSize));
    PduExchange exchange = exchange_over(system, connection);
    LoginOutcome outcome = TRY(exchange_login(system, exchange, Login(std::move(options))));
    auto* agreed = std::get_if<Negotiated>(&outcome);
    // The login of the session itself meets with the same.
    if (!agreed) return std::nullopt;
    return Question(system, std::move(exchange), session.unit->kernel_lun, agreed->expected_status_number);
}

/// Why the unit is another one; nothing when it is the same, or does not tell.
Result<std::string> difference(Question& question, const Unit& unit) {
    if (!unit.beginning.empty()) {
        std::string beginning = TRY(question.ask(read_beginning(unit.block_size)));
        bool is_same = beginning.empty() || beginning == unit.beginning;
        return is_same ? std::string() : "its first block differs";
    }
    std::string identity = unit_identity(TRY(question.ask(inquiry())));
    bool is_same = identity.empty() || identity == unit.identity;
    return is_same ? std::string() : text("its identity is ", identity, ", not ", unit.identity);
}

Result<std::string> ask_for_difference(System& system, const LoginTarget& target, const Session& session,
                                       const Portal& at, const std::vector<ChapAlgorithm>& algorithms) {
    UniqueFd connection = TRY(try_each_address(system.network(), at.host, [&](const IpAddress& address) {
        return system.network().connect_tcp(address, at.port, system.now() + kStepTimeout);
    }));
    std::optional<Question> question = TRY(log_in_beside(system, target, session, connection, algorithms));
    if (!question) return std::string();
    Result<std::string> found = difference(*question, *session.unit);
    question->end();
    return found;
}

} // namespace

std::string unit_identity(std::string_view page) {
    constexpr size_t kPageHeader = 4, kDesignatorHeader = 4;
    // tgt names a disk by the number of its target, which can be another one after a restart of tgtd.
    constexpr std::string_view kNumberOfTgt = "IET     0";
    if (page.size() < kPageHeader || static_cast<uint8_t>(page[1]) != kIdentificationPage) return {};
    if (page.find(kNumberOfTgt) != std::string_view::npos) return {};
    ByteView bytes = as_bytes(page);
    size_t end = std::min(bytes.size(), kPageHeader + (size_t{bytes[2]} << 8 | bytes[3]));
    std::string identity;
    for (size_t at = kPageHeader; at + kDesignatorHeader <= end;) {
        size_t next = at + kDesignatorHeader + bytes[at + 3];
        unsigned association = (bytes[at + 1] >> 4) & 3;
        if (association == 0 && next <= end)
            identity +=
                (identity.empty() ? "" : " ") + hex(bytes.subspan(at + kDesignatorHeader, bytes[at + 3]));
        at = next;
    }
    return identity;
}

/// In the tree of the running system, which residents don't see.
static std::string beginning_of(System& system, const std::string& disk) {
    constexpr seconds kTimeToRead{10};
    std::string device = "/proc/1/root/dev/" + disk;
    Result<std::string> page =
        system.run_bounded("reading " + device, kTimeToRead,
                           [&]() -> Result<std::string> { return system.read_part(device, 0, kPage); });
    return page.value_or("");
}

static std::optional<Unit> unit_in(System& system, const std::string& directory) {
    std::optional<uint64_t> lun = parse_number(std::string_view(directory).substr(directory.rfind(':') + 1));
    Result<std::vector<std::string>> disks = system.list_directory(directory + "/block");
    if (!lun || !disks || disks->empty()) return std::nullopt;
    auto attribute = [&](const std::string& name) {
        return system.read_file(text(directory, "/block/", disks->front(), name)).value_or("");
    };
    Unit unit;
    unit.kernel_lun = *lun;
    unit.block_size = static_cast<uint32_t>(
        parse_number(trim(attribute("/queue/logical_block_size"))).value_or(unit.block_size));
    bool has_pages = unit.block_size >= 512 && kPage % unit.block_size == 0;
    unit.identity = unit_identity(system.read_file(directory + "/vpd_pg83").value_or(""));
    if (has_pages && trim(attribute("/ro")) == "1") unit.beginning = beginning_of(system, disks->front());
    bool is_known = !unit.identity.empty() || !unit.beginning.empty();
    return is_known ? std::optional(unit) : std::nullopt;
}

std::optional<Unit> find_unit(System& system, const Session& session) {
    auto list = [&](const std::string& directory) {
        return system.list_directory(directory).value_or(std::vector<std::string>());
    };
    for (const std::string& target : list(session.directory())) {
        if (!target.starts_with("target")) continue;
        std::string directory = text(session.directory(), "/", target);
        for (const std::string& name : list(directory))
            if (std::optional<Unit> unit = unit_in(system, text(directory, "/", name))) return unit;
    }
    return std::nullopt;
}

Result<> check_unit(System& system, const LoginTarget& target, const Session& session, const Portal& at,
                    const std::vector<ChapAlgorithm>& algorithms) {
    if (!session.unit) return {};
    Result<std::string> different = ask_for_difference(system, target, session, at, algorithms);
    if (!different)
        log_notice("checking whether the LUN is the same disk: ", different.error().what, ", ignoring");
    if (!different || different->empty()) return {};
    return permanent_error("the LUN is a different disk now: ", *different,
                           "; serve the original disk or restart the machine");
}

} // namespace mangrove::iscsi
