#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lazy/registry.h"
#include "net/url.h"
#include "system/clock.h"
#include "system/network.h"

namespace mangrove::lazy {

/// A server of the file, and how it has behaved.
struct Mirror {
    explicit Mirror(Url url);

    Url written; ///< in the definition
    Url home;    ///< where it is asked at first
    Url now;     ///< after redirects
    std::optional<Registry> registry = {};
    unsigned redirects = 0;  ///< in a row
    unsigned failures = 0;   ///< in a row
    Time resumes = {};       ///< it is left alone until then
    bool is_changed = false; ///< it has another file
    bool is_checked = false; ///< a request asks it for the beginning of the file
    bool is_renewed = false; ///< the written URL was asked again, since the last success
    std::string reason = {}; ///< of the last failure
    std::string host = {};   ///< that the addresses are of
    std::vector<IpAddress> addresses = {};
    bool is_stale = false; ///< the addresses may be others by now
};

/// The servers of a file, in the order of the definition.
class Mirrors {
  public:
    explicit Mirrors(const std::vector<Url>& urls) : mirrors_(urls.begin(), urls.end()) {}

    size_t size() const { return mirrors_.size(); }
    Mirror& operator[](size_t number) { return mirrors_[number]; }
    /// The first that is not left alone; nothing while all are.
    std::optional<size_t> choose(Time now) const;
    /// When the next one may be asked again.
    Time next_resumption() const;
    void succeeded(size_t number);
    /// Leaves it alone: for as long as it asks, or longer and longer. `spread` (0 to 255) makes the pauses of
    /// many nodes differ.
    void failed(size_t number, std::string reason, Time now, seconds retry_after, uint8_t spread);
    /// Follows a redirect; an error where it must not be followed.
    Result<> follow(size_t number, const std::string& redirect);
    /// Goes back to the written URL at once, for the target of a redirect may have expired; false where it is
    /// asked already, or that was of no use.
    bool go_back(size_t number);
    /// Returns the question that it must answer before it can be asked for a part.
    Question question(size_t number, Time now) const;
    /// Takes the answer to a question that was asked with that credential (credential_of); of an answer that
    /// leads to another question, the error is none.
    Result<> answered(size_t number, Question question, const Ranges::End& end, ByteView body,
                      const std::string& credential, Time now);
    /// Takes a 401. An error where another credential would not help.
    Result<> challenged(size_t number, const RangeHead& head, const std::string& credential);
    /// Takes the digest of the file that its artifact has.
    void learn_blob(size_t number, std::string digest, uint64_t size);
    /// Whether a credential for the definition's server may go to where that has redirected to.
    bool is_at_home(size_t number) const;
    bool are_all_changed() const;
    /// Why none can be asked.
    std::string reason() const;

  private:
    std::vector<Mirror> mirrors_;
};

/// Puts the URLs into an order by chance, a byte of it for each.
void shuffle(std::vector<Url>& urls, ByteView chance);

} // namespace mangrove::lazy
