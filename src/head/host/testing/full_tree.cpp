#include "head/host/testing/full_tree.h"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "head/host/program.h"

namespace mangrove::head {

namespace fs = std::filesystem;

Stage make_test_directory() {
    std::string name = (fs::temp_directory_path() / "mangrove-ctl-test-XXXXXX").native();
    if (!::mkdtemp(name.data())) std::abort();
    return Stage(name);
}

void shell(const fs::path& directory, const std::string& command) {
    Result<std::string> outcome =
        run_program({{"sh", "-e", "-c", "cd " + command_line({directory}) + "\n" + command}});
    if (outcome) return;
    std::fprintf(stderr, "%s\n", describe(outcome.error()).c_str());
    std::abort();
}

void fill_tree(const fs::path& tree) {
    shell(tree, R"(
        umask 022
        mkdir -p etc usr/bin usr/lib dev empty 'with blank' tmp
        ln -s usr/lib lib
        echo one >etc/one
        ln etc/one etc/one-again
        ln etc/one usr/lib/one-elsewhere
        ln -s ../etc/one usr/lib/link
        ln -s /nowhere/at/all usr/lib/dangling
        chown -h 5:6 usr/lib/link
        chown 1000:100001 etc/one
        setfattr -n user.colour -v green etc/one
        setfattr -n user.of-directory -v yes etc
        head -c 300000 /dev/zero | tr '\0' 'x' >usr/lib/large
        truncate -s 24M usr/lib/sparse
        echo end >>usr/lib/sparse
        cp /bin/true usr/bin/ping
        setcap cap_net_raw+ep usr/bin/ping
        cp /bin/true usr/bin/su
        chmod 4755 usr/bin/su
        chmod 1777 tmp
        chmod 0700 empty
        mknod dev/null c 1 3
        mknod dev/sda b 8 0
        mkfifo dev/fifo
        echo ü >"with blank/schön und gut"
        chmod 0751 .
        find . -exec touch -h -d '2024-03-05 06:07:08 UTC' {} +
    )");
}

} // namespace mangrove::head
