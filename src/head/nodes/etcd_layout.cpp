#include "head/nodes/etcd_layout.h"

#include <algorithm>

namespace mangrove::head {

namespace {

constexpr size_t kDigits = 20; ///< of a revision, so that keys sort by it
constexpr size_t kPiece = size_t(512) * 1024;
/// etcd takes 128 steps and 1.5 MiB; the rest is for the counter and the log.
constexpr size_t kMostOperations = 100;
constexpr size_t kMostBytes = size_t(1024) * 1024;

std::string digits(uint64_t number) {
    std::string written = text(number);
    return std::string(kDigits - std::min(kDigits, written.size()), '0') + written;
}

std::string further_piece(const std::string& key, size_t number) {
    return key + '\0' + digits(number);
}

/// Takes the word before `separator` from the front of `rest`.
std::string_view take_word(std::string_view& rest, char separator) {
    std::string_view word = rest.substr(0, rest.find(separator));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    return word;
}

/// Takes so many bytes; nothing where there are fewer.
std::optional<std::string> take_bytes(std::string_view& rest, std::optional<uint64_t> count) {
    if (!count || *count > rest.size()) return std::nullopt;
    std::string taken(rest.substr(0, *count));
    rest.remove_prefix(*count);
    return taken;
}

} // namespace

EtcdKeys::EtcdKeys(const std::string& below)
    : version(below + "version"), counter(below + "counter"), pending(below + "pending"),
      entries(below + "entries/"), logs_prefix(below + "log/"), stages(below + "stages/"),
      leases(below + "leases/") {}

KeyRange EtcdKeys::entry_pieces(const std::string& key) const {
    return {entry(key), entry(key) + '\1'};
}

std::string EtcdKeys::log(uint64_t revision) const {
    return logs_prefix + digits(revision);
}

std::string EtcdKeys::stage(uint64_t base, const std::string& id) {
    return digits(base) + "-" + id;
}

std::string EtcdKeys::stage_piece(const std::string& name, size_t number) const {
    return stages + name + "/" + digits(number);
}

KeyRange EtcdKeys::stages_before(uint64_t base) const {
    return {stages, stages + digits(base)};
}

Result<> check_key(const std::string& key) {
    if (std::ranges::any_of(key, [](char letter) { return letter >= 0 && letter < ' '; }))
        return permanent_error("a key has a control character: '", key, "'");
    return {};
}

std::vector<Operation> entry_operations(const EtcdKeys& keys, const std::vector<Change>& changes,
                                        uint64_t revision) {
    std::vector<Operation> operations;
    for (const Change& change : changes) {
        std::string key = keys.entry(change.key);
        if (!change.value) {
            operations.push_back(remove(keys.entry_pieces(change.key)));
            continue;
        }
        std::vector<std::string> pieces = pieces_of(text(revision, "\n", *change.value));
        for (size_t i = 0; i < pieces.size(); ++i)
            operations.push_back(put(i == 0 ? key : further_piece(key, i), std::move(pieces[i])));
        // Of a longer value that was there before.
        operations.push_back(remove({further_piece(key, pieces.size()), keys.entry_pieces(change.key).end}));
    }
    return operations;
}

std::vector<Entry> entries_of(const EtcdKeys& keys, const std::vector<KeyValue>& found) {
    std::vector<Entry> entries;
    for (const KeyValue& one : found) {
        std::string key = one.key.substr(keys.entries.size());
        if (key.contains('\0')) {
            if (!entries.empty()) entries.back().value += one.value;
            continue;
        }
        entries.push_back({.key = std::move(key),
                           .value = one.value.substr(one.value.find('\n') + 1),
                           .revision = revision_of_entry(one.value)});
    }
    return entries;
}

uint64_t revision_of_entry(const std::string& first_piece) {
    return parse_number(first_piece.substr(0, first_piece.find('\n'))).value_or(0);
}

std::string encode_changes(const std::vector<Change>& changes) {
    std::string encoded;
    for (const Change& change : changes)
        encoded += text(change.key.size(), " ", change.value ? text(change.value->size()) : "-", "\n",
                        change.key, change.value.value_or(""));
    return encoded;
}

std::optional<std::vector<Change>> decode_changes(std::string_view encoded, uint64_t revision) {
    std::vector<Change> changes;
    while (!encoded.empty()) {
        std::optional<uint64_t> key_size = parse_number(take_word(encoded, ' '));
        std::string_view value_size = take_word(encoded, '\n');
        std::optional<std::string> key = take_bytes(encoded, key_size);
        if (!key) return std::nullopt;
        Change change{.key = std::move(*key), .value = {}, .revision = revision};
        if (value_size != "-") {
            change.value = take_bytes(encoded, parse_number(value_size));
            if (!change.value) return std::nullopt;
        }
        changes.push_back(std::move(change));
    }
    return changes;
}

std::vector<std::string> pieces_of(std::string_view whole) {
    std::vector<std::string> pieces;
    do {
        pieces.emplace_back(whole.substr(0, kPiece));
        whole.remove_prefix(pieces.back().size());
    } while (!whole.empty());
    return pieces;
}

std::vector<std::vector<Operation>> batches_of(std::vector<Operation> operations) {
    std::vector<std::vector<Operation>> batches;
    size_t bytes = 0;
    for (Operation& operation : operations) {
        if (batches.empty() || batches.back().size() == kMostOperations
            || bytes + operation.size() > kMostBytes) {
            batches.emplace_back();
            bytes = 0;
        }
        bytes += operation.size();
        batches.back().push_back(std::move(operation));
    }
    return batches;
}

bool fit_at_once(const std::vector<Operation>& operations, size_t more) {
    size_t bytes = more;
    for (const Operation& operation : operations)
        bytes += operation.size();
    return operations.size() <= kMostOperations && bytes <= kMostBytes;
}

} // namespace mangrove::head
