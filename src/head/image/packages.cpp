#include "head/image/packages.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <sqlite3.h>

#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kLargest = 512 << 20;

std::string read_in_tree(const fs::path& tree, const fs::path& path) {
    Result<UniqueFd> file = open_file_of(tree, path);
    if (!file) return {};
    return read_open_file(*file, path.native(), kLargest).value_or("");
}

/// A name or version that fits into a line.
bool is_word(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](unsigned char letter) { return letter > ' '; });
}

/// The most frequent architecture is the image's, and is not written; "all" and "noarch" are none.
class Collected {
  public:
    void add(const std::string& name, const std::string& version, const std::string& architecture) {
        if (!is_word(name) || !is_word(version)) return;
        found_.push_back({name, version, architecture});
        if (architecture != "all" && architecture != "noarch") ++architectures_[architecture];
    }

    Packages packages() const {
        auto main = std::ranges::max_element(architectures_, {}, [](const auto& one) { return one.second; });
        Packages packages;
        for (const auto& [name, version, architecture] : found_) {
            bool is_main = !architectures_.contains(architecture) || architecture == main->first;
            std::string& versions = packages[is_main ? name : text(name, ":", architecture)];
            // rpm can have several versions of one, as of kernels.
            versions += text(versions.empty() ? "" : ",", version);
        }
        return packages;
    }

  private:
    struct Found {
        std::string name, version, architecture;
    };
    std::vector<Found> found_;
    std::map<std::string, size_t> architectures_;
};

/// var/lib/dpkg/status (deb-control(5)): paragraphs of fields.
void read_dpkg(const fs::path& tree, Collected& collected) {
    std::map<std::string, std::string> fields;
    for (const std::string& line : split(read_in_tree(tree, "var/lib/dpkg/status") + "\n\n", '\n')) {
        size_t colon = line.find(": ");
        if (line.empty()) {
            if (fields["Status"].ends_with(" installed"))
                collected.add(fields["Package"], fields["Version"], fields["Architecture"]);
            fields.clear();
        } else if (colon != std::string::npos && line[0] != ' ') {
            fields[line.substr(0, colon)] = line.substr(colon + 2);
        }
    }
}

/// A header of rpm as its database has it: the numbers of entries and of bytes of data, the entries, the
/// data.
class RpmHeader {
  public:
    explicit RpmHeader(std::string_view blob) : blob_(blob) {
        std::optional<uint32_t> count = number_at(0);
        if (count && *count < blob.size() / kEntry) count_ = *count;
    }

    /// The first text of a tag; empty where there is none.
    std::string text_of(uint32_t tag) const {
        for (size_t at = 8; at < 8 + count_ * kEntry; at += kEntry) {
            if (number_at(at) != tag) continue;
            size_t begin = 8 + count_ * kEntry + number_at(at + 8).value_or(UINT32_MAX);
            size_t end = blob_.find('\0', begin);
            if (begin < blob_.size() && end != std::string_view::npos)
                return std::string(blob_.substr(begin, end - begin));
        }
        return {};
    }

  private:
    static constexpr size_t kEntry = 16;

    std::optional<uint32_t> number_at(size_t at) const {
        if (at + 4 > blob_.size()) return {};
        uint32_t number = 0;
        for (char byte : blob_.substr(at, 4))
            number = number << 8 | static_cast<unsigned char>(byte);
        return number;
    }

    std::string_view blob_;
    size_t count_ = 0;
};

void read_rpm_header(std::string_view blob, Collected& collected) {
    constexpr uint32_t kName = 1000, kVersion = 1001, kRelease = 1002, kArchitecture = 1022;
    RpmHeader header(blob);
    std::string name = header.text_of(kName);
    if (name != "gpg-pubkey")
        collected.add(name, text(header.text_of(kVersion), "-", header.text_of(kRelease)),
                      header.text_of(kArchitecture));
}

/// rpmdb.sqlite, which is read in memory: nothing in it leads to another file.
void read_rpm(std::string database, Collected& collected) {
    constexpr std::array<size_t, 2> kJournalVersions = {18, 19};
    if (!database.starts_with("SQLite format 3") || database.size() < 100) return;
    // A database in memory has no log.
    for (size_t at : kJournalVersions)
        database[at] = 1;
    sqlite3* raw = nullptr;
    sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE, nullptr);
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle(raw, sqlite3_close);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    auto size = static_cast<sqlite3_int64>(database.size());
    if (sqlite3_deserialize(raw, "main", reinterpret_cast<unsigned char*>(database.data()), size, size,
                            SQLITE_DESERIALIZE_READONLY)
        != SQLITE_OK)
        return;
    sqlite3_stmt* raw_statement = nullptr;
    sqlite3_prepare_v2(raw, "SELECT blob FROM Packages", -1, &raw_statement, nullptr);
    std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw_statement, sqlite3_finalize);
    while (statement && sqlite3_step(statement.get()) == SQLITE_ROW) {
        const auto* blob = static_cast<const char*>(sqlite3_column_blob(statement.get(), 0));
        auto bytes = static_cast<size_t>(sqlite3_column_bytes(statement.get(), 0));
        if (blob) read_rpm_header({blob, bytes}, collected);
    }
}

} // namespace

Packages read_packages(const fs::path& tree) {
    Collected collected;
    read_dpkg(tree, collected);
    for (const char* place : {"usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite"}) {
        std::string database = read_in_tree(tree, place);
        if (database.empty()) continue;
        read_rpm(std::move(database), collected);
        break; // the other one is a link to it
    }
    return collected.packages();
}

std::string to_text(const Packages& packages) {
    std::string lines;
    for (const auto& [name, version] : packages)
        lines += text(name, " ", version, "\n");
    return lines;
}

Packages parse_packages(std::string_view written) {
    Packages packages;
    for (const std::string& line : split(written, '\n'))
        if (size_t blank = line.find(' '); blank != std::string::npos)
            packages[line.substr(0, blank)] = line.substr(blank + 1);
    return packages;
}

std::vector<std::string> package_differences(const Packages& before, const Packages& after) {
    std::vector<std::string> lines;
    std::set<std::string> names;
    for (const Packages* packages : {&before, &after})
        for (const auto& [name, version] : *packages)
            names.insert(name);
    for (const std::string& name : names) {
        auto old = before.find(name);
        auto now = after.find(name);
        if (old == before.end())
            lines.push_back(text("+ ", name, " ", now->second));
        else if (now == after.end())
            lines.push_back(text("- ", name, " ", old->second));
        else if (old->second != now->second)
            lines.push_back(text("~ ", name, " ", old->second, " -> ", now->second));
    }
    return lines;
}

} // namespace mangrove::head
