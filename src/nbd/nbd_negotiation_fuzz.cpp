#include "nbd/negotiation.h"

namespace {

class Input : public mangrove::nbd::Stream {
  public:
    explicit Input(mangrove::ByteView bytes) : rest_(bytes) {}
    mangrove::Result<mangrove::Bytes> read(size_t count) override {
        if (rest_.size() < count) return mangrove::transient_error("the end");
        mangrove::ByteView part = rest_.first(count);
        rest_ = rest_.subspan(count);
        return mangrove::Bytes(part.begin(), part.end());
    }
    mangrove::Result<> write(mangrove::ByteView) override { return {}; }

  private:
    mangrove::ByteView rest_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input({data, size});
    static_cast<void>(mangrove::nbd::negotiate(input, "root").has_value());
    return 0;
}
