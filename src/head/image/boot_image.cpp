#include "head/image/boot_image.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/stage.h"
#include "head/host/files.h"
#include "head/host/program.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr const char* kStubPackage = "systemd-boot-efi";
constexpr uint64_t kPage = 4096;
constexpr size_t kLongestCommandLine = 2047; ///< COMMAND_LINE_SIZE of x86-64 and arm64 without the NUL

/// Nothing where it lies behind the end.
template <typename Number>
std::optional<Number> little_endian_at(std::string_view bytes, size_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(Number)) return std::nullopt;
    Number number = 0;
    for (size_t i = sizeof(Number); i-- > 0;)
        number = static_cast<Number>(number << 8 | static_cast<uint8_t>(bytes[offset + i]));
    return number;
}

uint64_t aligned(uint64_t offset, uint64_t alignment) {
    return (offset + alignment - 1) / alignment * alignment;
}

Result<std::string> read_stub(const fs::path& file) {
    Result<std::string> stub = read_file(file);
    if (stub) return stub;
    return permanent_error(describe(stub.error()), "; install the package ", kStubPackage,
                           ", or name the stub with --stub");
}

Result<std::string> command_line_of(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments)
        if (argument.empty()
            || std::ranges::any_of(argument, [](unsigned char c) { return c < ' ' || c == 127; }))
            return permanent_error("--argument '", argument, "' is empty or has a control character");
    std::string line = join(arguments, " ");
    if (line.size() > kLongestCommandLine)
        return permanent_error("the kernel arguments have ", line.size(), " characters; the kernel takes ",
                               kLongestCommandLine);
    return line;
}

struct Section {
    const char* name;
    fs::path file;
};

/// The words of objcopy that put the sections behind those of the stub.
Result<std::vector<std::string>> added_sections(const PeLayout& layout,
                                                const std::vector<Section>& sections) {
    std::vector<std::string> words;
    uint64_t offset = layout.end;
    for (const auto& [name, file] : sections) {
        std::error_code problem;
        uint64_t size = fs::file_size(file, problem);
        if (problem) return system_error(problem.value(), "reading ", file.native());
        offset = aligned(offset, std::max(layout.alignment, kPage));
        words.insert(words.end(), {"--add-section", text(name, "=", file.native()), "--change-section-vma",
                                   text(name, "=", layout.base + offset)});
        offset += size;
    }
    return words;
}

Result<Stage> make_stage() {
    std::string name = (fs::temp_directory_path() / "mangrovectl-boot-image-XXXXXX").native();
    if (!::mkdtemp(name.data())) return system_error(errno, "making a temporary directory");
    return Stage{fs::path(name)};
}

Result<> sign(const BootImageRequest& request, const fs::path& image, const fs::path& output) {
    std::vector<std::string> words = {"sbsign",   "--key", request.key, "--cert", request.certificate,
                                      "--output", output};
    if (!request.engine.empty()) words.insert(words.end(), {"--engine", request.engine});
    words.push_back(image);
    // It asks on /dev/tty for the password of the key.
    TRY(run_program({.words = words, .package = "sbsigntool"}), "signing with ", request.key);
    return {};
}

} // namespace

Result<PeLayout> pe_layout(std::string_view program) {
    constexpr uint16_t kPe32Plus = 0x20b;
    constexpr size_t kFileHeader = 24; // with the signature
    constexpr size_t kSectionHeader = 40;
    auto header = little_endian_at<uint32_t>(program, 0x3c);
    if (!header || *header > program.size()
        || !program.substr(*header).starts_with(std::string_view("PE\0\0", 4)))
        return permanent_error("not a program of UEFI");
    size_t optional = *header + kFileHeader;
    auto count = little_endian_at<uint16_t>(program, *header + 6);
    auto optional_size = little_endian_at<uint16_t>(program, *header + 20);
    auto base = little_endian_at<uint64_t>(program, optional + 24);
    auto alignment = little_endian_at<uint32_t>(program, optional + 32);
    if (little_endian_at<uint16_t>(program, optional) != kPe32Plus || !count || !optional_size || !base
        || !alignment || *alignment == 0)
        return permanent_error("not a program of UEFI for 64 bits (PE32+)");
    PeLayout layout{.base = *base, .alignment = *alignment, .end = 0};
    for (size_t i = 0; i < *count; ++i) {
        size_t section = optional + *optional_size + i * kSectionHeader;
        auto size = little_endian_at<uint32_t>(program, section + 8);
        auto address = little_endian_at<uint32_t>(program, section + 12);
        if (!size || !address) return permanent_error("its table of sections is cut short");
        layout.end = std::max(layout.end, uint64_t{*address} + *size);
    }
    return layout;
}

Result<> make_boot_image(const BootImageRequest& request, Progress& progress) {
    std::string arguments = TRY(command_line_of(request.arguments));
    std::string stub = TRY(read_stub(request.stub));
    PeLayout layout = TRY(pe_layout(stub), "reading ", request.stub.native());
    Stage stage = TRY(make_stage());
    fs::path command_line = stage.path / "cmdline";
    TRY(write_file(command_line, arguments));
    fs::path unsigned_image = stage.path / "unsigned.efi";
    std::vector<std::string> words = {"objcopy"};
    std::vector<std::string> sections = TRY(added_sections(
        layout, {{".cmdline", command_line}, {".linux", request.kernel}, {".initrd", request.initramfs}}));
    words.insert(words.end(), sections.begin(), sections.end());
    words.insert(words.end(), {request.stub, unsigned_image});
    TRY(run_program({.words = words, .package = "binutils"}, progress), "putting the boot image together");
    fs::path signed_image = stage.path / "signed.efi";
    TRY(sign(request, unsigned_image, signed_image));
    return clone_file(signed_image, request.output);
}

} // namespace mangrove::head
