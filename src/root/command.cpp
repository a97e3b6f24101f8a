#include "root/command.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <linux/limits.h>
#include <optional>

namespace mangrove {

namespace {

/// Of the fields that both classes of ELF have at the same place.
struct Identity {
    unsigned char bytes[EI_NIDENT];
    Elf64_Half type;
    Elf64_Half machine;
};
/// Where the kernel finds the interpreter's name in the file.
struct Range {
    uint64_t offset;
    uint64_t size;
};

template <typename T>
std::optional<T> load(std::string_view bytes) {
    T value = {};
    if (bytes.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string cpu_name(Elf64_Half machine) {
    switch (machine) {
    case EM_386:
        return "x86";
    case EM_X86_64:
        return "x86-64";
    case EM_ARM:
        return "ARM";
    case EM_AARCH64:
        return "AArch64";
    case EM_PPC64:
        return "POWER";
    case EM_RISCV:
        return "RISC-V";
    case EM_S390:
        return "s390";
    default:
        return text("machine ", machine, " of ELF");
    }
}

/// A CPU of 64 bits runs the programs of its predecessor, too.
bool runs_on(Elf64_Half program, Elf64_Half cpu) {
    return program == cpu || (program == EM_386 && cpu == EM_X86_64)
           || (program == EM_ARM && cpu == EM_AARCH64);
}

std::optional<Elf64_Half> machine_of(std::string_view beginning) {
    std::optional<Identity> identity = load<Identity>(beginning);
    if (!identity || !beginning.starts_with(ELFMAG)) return std::nullopt;
    constexpr unsigned char kOurs = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    return identity->bytes[EI_DATA] == kOurs ? identity->machine : std::byteswap(identity->machine);
}

/// One program in the tree, and the interpreters that it takes.
class Program {
  public:
    Program(System& system, const std::string& root, const std::string& command)
        : system_(system), root_(root), command_(command) {}

    Result<> check(const std::string& path, unsigned interpreters) {
        // As many bytes as the kernel looks at (BINPRM_BUF_SIZE).
        constexpr size_t kBeginning = 256;
        std::string beginning = TRY(system_.read_part(path, 0, kBeginning));
        if (beginning.starts_with("#!")) return check_script(beginning, interpreters);
        if (!beginning.starts_with(ELFMAG)) return {};
        std::optional<Elf64_Half> machine = machine_of(beginning);
        if (!machine) return damaged();
        // Without our own machine type there is nothing to compare that program with.
        std::optional<Elf64_Half> ours = machine_of(TRY(system_.read_part("/proc/self/exe", 0, kBeginning)));
        if (ours && !runs_on(*machine, *ours))
            return permanent_error("command: ", command_, " is a program for another CPU (",
                                   cpu_name(*machine), ")");
        return beginning[EI_CLASS] == ELFCLASS64 ? check_elf<Elf64_Ehdr, Elf64_Phdr>(path, beginning)
                                                 : check_elf<Elf32_Ehdr, Elf32_Phdr>(path, beginning);
    }

  private:
    std::unexpected<Error> damaged() const {
        return permanent_error("command: ", command_, " is a damaged program");
    }

    Result<std::string> find(const std::string& interpreter) {
        Result<std::string> found = system_.resolve_in_root(root_, interpreter);
        if (!found && found.error().code != ENOENT && found.error().code != ENOTDIR) return found;
        if (!found)
            return permanent_error("command: ", command_, " needs ", interpreter,
                                   ", which the image does not have");
        if (!system_.is_executable(*found))
            return permanent_error("command: ", command_, " needs ", interpreter,
                                   ", which is not an executable file");
        return found;
    }

    Result<> check_script(std::string_view beginning, unsigned interpreters) {
        // The kernel goes no further, either (binfmt_script, ELOOP).
        constexpr unsigned kInterpreters = 5;
        if (interpreters == kInterpreters)
            return permanent_error("command: the interpreter of ", command_,
                                   " is a script itself, nested too deep");
        std::string_view line = trim(beginning.substr(2, beginning.find('\n') - 2));
        std::string interpreter(line.substr(0, line.find_first_of(std::string_view(" \t\0", 3))));
        if (interpreter.empty()) return permanent_error("command: ", command_, " names no interpreter");
        return check(TRY(find(interpreter)), interpreters + 1);
    }

    template <typename Segment>
    static std::optional<Range> find_interpreter(std::string_view table) {
        for (; table.size() >= sizeof(Segment); table.remove_prefix(sizeof(Segment)))
            if (Segment segment = *load<Segment>(table); segment.p_type == PT_INTERP)
                return Range{segment.p_offset, segment.p_filesz};
        return std::nullopt;
    }

    template <typename Header, typename Segment>
    Result<> check_elf(const std::string& path, std::string_view beginning) {
        std::optional<Header> header = load<Header>(beginning);
        if (!header || header->e_phentsize != sizeof(Segment)) return damaged();
        constexpr size_t kLargestTable = 65536; // the kernel's, fs/binfmt_elf.c
        size_t size = header->e_phnum * sizeof(Segment);
        std::string table = TRY(system_.read_part(path, header->e_phoff, std::min(size, kLargestTable)));
        if (table.size() != size) return damaged();
        std::optional<Range> name = find_interpreter<Segment>(table);
        if (!name) return {};
        if (name->size < 2 || name->size > PATH_MAX) return damaged();
        std::string interpreter = TRY(system_.read_part(path, name->offset, name->size));
        if (interpreter.size() != name->size || interpreter.back() != '\0') return damaged();
        TRY(find(interpreter.c_str()));
        return {};
    }

    System& system_;
    const std::string& root_;
    const std::string& command_;
};

} // namespace

Result<> check_command(System& system, const std::string& root, const std::string& command) {
    Result<std::string> program = system.resolve_in_root(root, command);
    if (!program && program.error().code == ENOENT)
        return permanent_error("command: the image has no ", command);
    std::string path = TRY(std::move(program));
    if (!system.is_executable(path))
        return permanent_error("command: ", command, " is not an executable file");
    return Program(system, root, command).check(path, 0);
}

} // namespace mangrove
