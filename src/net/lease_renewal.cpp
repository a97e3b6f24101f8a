#include "net/lease_renewal.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "net/dhcp_client.h"
#include "net/link_plan.h"

namespace mangrove {

namespace {

constexpr seconds kTimeToAnswer{30};
constexpr seconds kShortestWait{30};
/// Clocks, and the time that an answer takes.
constexpr seconds kTolerance{10};

class Renewal {
  public:
    Renewal(System& system, Link link, Lease lease, Time granted_at)
        : system_(system), link_(std::move(link)), lease_(std::move(lease)), granted_at_(granted_at) {}

    /// Returns when the address is not there any more, or is for ever.
    void run() {
        Time look_at = due();
        for (;;) {
            system_.sleep(
                std::chrono::ceil<milliseconds>(std::max(look_at - system_.now(), Clock::duration(0))));
            Result<std::optional<seconds>> left = time_left();
            if (!left) {
                log_warning(left.error().what);
                look_at = system_.now() + kShortestWait;
            } else if (!*left) {
                return;
            } else if (**left > end() - system_.now() + kTolerance) {
                // Somebody else renews. He does so at half of it; when that is over, it is our turn.
                granted_at_ = system_.now() + **left - *lease_.lifetime;
                look_at = system_.now() + **left * 3 / 4;
            } else if (renew()) {
                look_at = due();
            } else {
                keep_for_now(**left);
                look_at =
                    system_.now() + std::max<Clock::duration>(kShortestWait, (end() - system_.now()) / 2);
            }
        }
    }

  private:
    Time due() const { return granted_at_ + lease_.renewal_time.value_or(*lease_.lifetime / 2); }
    Time end() const { return granted_at_ + *lease_.lifetime; }

    Result<std::optional<seconds>> time_left() {
        std::vector<InterfaceAddress> addresses = TRY(system_.network().addresses(link_));
        for (const InterfaceAddress& each : addresses)
            if (each.address == lease_.address) return each.lifetime;
        return std::nullopt;
    }

    bool renew() {
        Result<> done = ask();
        system_.network().close_dhcp(link_);
        if (!done) log_warning("renewing the lease of ", lease_.address.to_text(), ": ", done.error().what);
        return done.has_value();
    }

    Result<> ask() {
        Network& network = system_.network();
        TRY(network.open_dhcp(link_));
        Bytes random = TRY(system_.random_bytes(4));
        DhcpClient client(link_.mac, static_cast<uint32_t>(random[0] << 16 | random[1] << 8 | random[2]));
        Deadline deadline = system_.now() + kTimeToAnswer;
        client.renew(system_.now(), lease_);
        while (system_.now() < deadline) {
            while (std::optional<Bytes> message = client.message_due(system_.now()))
                TRY(network.send_dhcp(link_, *message));
            auto event = TRY(network.wait(std::min(client.next_send(), deadline)));
            if (!event || event->kind != NetworkEvent::Kind::dhcp_received) continue;
            DhcpClient::Answer answer = client.receive(system_.now(), event->message);
            if (answer == DhcpClient::Answer::granted) return take(*client.lease(), client.requested_at());
            if (answer == DhcpClient::Answer::refused)
                return permanent_error("a server refuses it; the root stays on it");
        }
        return transient_error("no server answers");
    }

    Result<> take(const Lease& lease, Time granted_at) {
        lease_.lifetime = lease.lifetime;
        lease_.renewal_time = lease.renewal_time;
        granted_at_ = granted_at;
        return system_.network().add_address(link_, plan_from_lease(lease_).address);
    }

    void keep_for_now(seconds left) {
        if (left > 2 * (kTimeToAnswer + kShortestWait)) return;
        if (Result<> kept = take(lease_, system_.now()); !kept) log_warning(kept.error().what);
    }

    System& system_;
    Link link_;
    Lease lease_;
    Time granted_at_;
};

} // namespace

std::vector<Resident> lease_renewals(const NetworkConfiguration& network) {
    std::vector<Resident> renewals;
    for (const ConfiguredLink& each : network.links) {
        if (!each.lease || !each.lease->lifetime) continue;
        renewals.push_back({text("the lease of ", each.lease->address.to_text()),
                            [link = each.link, lease = *each.lease, granted_at = each.configured_at](
                                System& system) { Renewal(system, link, lease, granted_at).run(); }});
    }
    return renewals;
}

} // namespace mangrove
