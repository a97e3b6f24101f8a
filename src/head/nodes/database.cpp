#include "head/nodes/database.h"

#include "head/host/files.h"

namespace mangrove::head {

namespace {

Result<> make_directory_of(const std::filesystem::path& file) {
    TRY(make_directories(file.parent_path()), "opening the database (another one: --database)");
    return {};
}

} // namespace

bool is_etcd_url(std::string_view where) {
    return where.starts_with("etcd://") || where.starts_with("etcds://");
}

bool database_exists(const std::string& where) {
    std::error_code ignored;
    return is_etcd_url(where) || std::filesystem::exists(where, ignored);
}

Result<std::unique_ptr<Database>> open_database(const std::string& where) {
    if (is_etcd_url(where)) return open_etcd_database(where);
    TRY(make_directory_of(where));
    return open_sqlite_database(where);
}

Result<> back_up_database(const std::string& where, const std::filesystem::path& copy) {
    return is_etcd_url(where) ? back_up_etcd_database(where, copy) : back_up_sqlite_database(where, copy);
}

Result<> restore_database(const std::filesystem::path& copy, const std::string& where) {
    if (is_etcd_url(where)) return restore_etcd_database(copy, where);
    TRY(make_directory_of(where));
    return restore_sqlite_database(copy, where);
}

} // namespace mangrove::head
