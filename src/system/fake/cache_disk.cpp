#include "system/fake/cache_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace mangrove {

namespace {

class FakeCacheDisk : public CacheDisk {
  public:
    explicit FakeCacheDisk(FakeCacheDisks& disks) : disks_(disks) {}

    bool can_read() const override { return !reading_; }
    bool can_write() const override { return !writing_; }
    void read(uint64_t offset, size_t length) override {
        ++disks_.reads;
        take(reading_, offset, length);
        if (disks_.problem == 0 && offset + length > disks_.bytes.size())
            reading_->error = system_error(EIO, "reading").error();
        if (reading_->error) return;
        read_ = disks_.bytes.substr(offset, length);
        reading_->bytes = as_bytes(read_);
    }
    void write(uint64_t offset, ByteView bytes) override {
        ++disks_.writes;
        take(writing_, offset, bytes.size());
        writing_->is_write = true;
        if (disks_.problem == 0 && offset + bytes.size() > disks_.bytes.size())
            writing_->error = system_error(ENOSPC, "writing").error();
        if (writing_->error || disks_.hangs) return;
        disks_.bytes_written += bytes.size();
        std::ranges::copy(bytes, disks_.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    const UniqueFd& woken_by() const override { return none_; }
    std::optional<End> take_end() override {
        if (disks_.hangs) return std::nullopt;
        if (reading_) return std::exchange(reading_, std::nullopt);
        return std::exchange(writing_, std::nullopt);
    }

  private:
    /// A request that is not one of the seam's ends the test.
    void take(std::optional<End>& place, uint64_t offset, size_t length) {
        if (place || length == 0 || length > kLongest || offset % kBlock != 0 || length % kBlock != 0)
            std::abort();
        place = {.offset = offset};
        if (disks_.problem != 0) place->error = system_error(disks_.problem, "asking the disk").error();
    }

    FakeCacheDisks& disks_;
    UniqueFd none_;
    std::string read_;
    std::optional<End> reading_;
    std::optional<End> writing_;
};

} // namespace

Result<CacheDisks::Opened> FakeCacheDisks::open(const std::string& device) {
    TRY(transcript_.record("opening the cache " + device));
    return Opened{.disk = {}, .size = bytes.size()};
}

Result<std::unique_ptr<CacheDisk>> FakeCacheDisks::start(const UniqueFd&, const std::string& name) {
    TRY(transcript_.record("starting a process for " + name));
    return std::make_unique<FakeCacheDisk>(*this);
}

} // namespace mangrove
