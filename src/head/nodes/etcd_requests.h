#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

/// Requests to etcd's key-value store, and its answers. Keys and values may hold any bytes.
namespace mangrove::head {

struct KeyRange {
    std::string begin;
    std::string end; ///< the first key behind it; empty: `begin` is the only key
};

/// Returns the range of all keys that begin with `prefix`, which is not empty.
KeyRange keys_below(const std::string& prefix);

struct KeyValue {
    std::string key;
    std::string value;
    uint64_t mod_revision = 0; ///< etcd's revision, which is not ours
    uint64_t lease = 0;
};

/// One step of a transaction: a key is put, or those of a range are deleted.
struct Operation {
    KeyRange keys;
    std::string value = {};
    bool is_put = false;

    size_t size() const { return keys.begin.size() + keys.end.size() + value.size(); }
};

Operation put(std::string key, std::string value);
Operation remove(KeyRange keys);

/// A request for /v3/kv/txn.
class EtcdTransaction {
  public:
    EtcdTransaction();

    /// It fails unless the key has this value, or, 0 for a key that is missing, this revision of etcd's.
    EtcdTransaction& require_value(const std::string& key, const std::string& value);
    EtcdTransaction& require_mod_revision(const std::string& key, uint64_t revision);
    EtcdTransaction& add(const Operation& operation, uint64_t lease = 0);
    EtcdTransaction& read(const KeyRange& keys, size_t limit);

    const Json& json() const { return json_; }

  private:
    cJSON* add_compare(const std::string& key, const char* target);
    cJSON* add_operation(const char* kind, const KeyRange& keys);

    Json json_;
    cJSON* compare_;
    cJSON* success_;
};

/// A request for /v3/kv/range, at a revision of etcd's.
Json range_request(const KeyRange& keys, size_t limit, uint64_t at);
Json watch_request(const std::string& key, uint64_t from);

struct RangeAnswer {
    std::vector<KeyValue> found;
    bool has_more = false; ///< behind the limit
};
RangeAnswer range_answer(const cJSON* json);
/// Returns the answers of the reads of a transaction, in their order.
std::vector<RangeAnswer> range_answers(const Json& transaction);
bool has_succeeded(const Json& transaction);
/// Returns the revision that etcd had when it answered.
uint64_t etcd_revision(const Json& answer);
/// Returns a number that is written as a text, as etcd writes all of 64 bits; 0 where it is missing.
uint64_t long_number_at(const cJSON* json, const char* key);
void add_long_number(cJSON* json, const char* key, uint64_t number);

} // namespace mangrove::head
