#include "system/fake/ublk_devices.h"

#include <cerrno>

namespace mangrove {

namespace {

class FakeUblkQueue : public UblkQueue {
  public:
    explicit FakeUblkQueue(FakeUblkDevices& devices) : devices_(devices) {}

    const UniqueFd& descriptor() const override { return descriptor_; }
    Result<std::optional<UblkRequest>> take() override {
        if (devices_.requests.empty()) return system_error(ENODEV, "serving a ublk device");
        UblkRequest request = devices_.requests.front();
        devices_.requests.pop();
        return request;
    }
    Result<> answer(uint16_t tag, std::span<const ByteView> parts) override {
        std::string data;
        for (ByteView part : parts)
            data.append(part.begin(), part.end());
        return note(tag, data);
    }
    Result<> refuse(uint16_t tag, int error) override { return note(tag, text(-error)); }

  private:
    Result<> note(uint16_t tag, const std::string& answer) {
        if (devices_.refusal != 0) return system_error(devices_.refusal, "answering a request of ublk");
        devices_.answers.push_back(text(tag, ": ", answer));
        return {};
    }

    FakeUblkDevices& devices_;
    UniqueFd descriptor_;
};

} // namespace

Result<UblkDevice> FakeUblkDevices::add(uint64_t bytes, uint32_t longest) {
    TRY(transcript_.record(text("making a ublk device of ", bytes, " bytes, at most ", longest, " at once")));
    size = bytes;
    return UblkDevice{.number = 3};
}

Result<std::unique_ptr<UblkQueue>> FakeUblkDevices::serve(const UblkDevice& device) {
    TRY(transcript_.record(text("serving /dev/ublkb", device.number)));
    if (busy > 0) {
        --busy;
        return system_error(EBUSY, "serving a ublk device");
    }
    return std::make_unique<FakeUblkQueue>(*this);
}

Result<> FakeUblkDevices::remove(const UblkDevice& device) {
    TRY(transcript_.record(text("removing /dev/ublkb", device.number)));
    size = 0;
    return {};
}

} // namespace mangrove
