#include "head/image/confined_fuzz.h"

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/testing/full_tree.h"
#include "head/image/confined.h"

namespace mangrove::head {

namespace fs = std::filesystem;

FuzzedTree::FuzzedTree() : work_(make_test_directory()) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    // OpenSSL, which cleans up at exit from its first use on, has to do so after our thread has ended.
    digest_of_text("");
    shell(work_.path, "echo secret >victim; chmod 0640 victim; mkdir tree");
    ::stat((work_.path / "victim").c_str(), &before_);
    worker_ = std::thread([this] { serve(); });
}

FuzzedTree::~FuzzedTree() {
    work_item_ = nullptr;
    wanted_.release();
    worker_.join();
}

void FuzzedTree::serve() {
    if (Result<> confined = enter_confinement(tree()); !confined) {
        std::fprintf(stderr, "%s\n", describe(confined.error()).c_str());
        std::abort();
    }
    for (wanted_.acquire(); work_item_; wanted_.acquire()) {
        work_item_();
        done_.release();
    }
}

Result<> FuzzedTree::unpack(const uint8_t* data, size_t size, Whiteouts whiteouts) {
    Tar tar{"fuzzed", UniqueFd(::memfd_create("tar", MFD_CLOEXEC))};
    if (::write(tar.file.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
    Result<> unpacked;
    work_item_ = [&] {
        std::vector<fs::path> old;
        for (const fs::directory_entry& entry : fs::directory_iterator("/"))
            old.push_back(entry.path());
        for (const fs::path& path : old)
            if (!remove_tree(path)) std::abort();
        Layers layers({}, {.bytes = 1 << 20, .files = 100});
        unpacked = layers.unpack(tar, whiteouts);
        if (unpacked) unpacked = layers.finish();
    };
    wanted_.release();
    done_.acquire();
    return unpacked;
}

void FuzzedTree::check() const {
    struct stat now = {};
    if (::stat((work_.path / "victim").c_str(), &now) != 0 || now.st_mode != before_.st_mode
        || now.st_uid != before_.st_uid || now.st_nlink != before_.st_nlink
        || now.st_ctim.tv_sec != before_.st_ctim.tv_sec || now.st_ctim.tv_nsec != before_.st_ctim.tv_nsec)
        std::abort();
}

bool FuzzedTree::is_outside(const UniqueFd& file) const {
    struct stat status = {};
    return ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_ino == before_.st_ino;
}

} // namespace mangrove::head
