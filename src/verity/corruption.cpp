#include "verity/corruption.h"

#include "base/text.h"

namespace mangrove::verity {

std::optional<Corruption> last_corruption(std::string_view kernel_log, std::string_view number) {
    std::optional<Corruption> last;
    for (const std::string& line : split(kernel_log, '\n')) {
        // An error of the kernel itself (syslog(2)).
        std::string beginning = text("device-mapper: verity: ", number, ": ");
        size_t at = line.find(beginning);
        if (!line.starts_with("<3>") || at == std::string::npos) continue;
        // "data block 7 is corrupted" or "metadata block 7 is corrupted"
        std::vector<std::string> words = split(line.substr(at + beginning.size()), ' ');
        if (words.size() != 5 || words[1] != "block" || words[4] != "corrupted") continue;
        if (std::optional<uint64_t> block = parse_number(words[2]))
            last = Corruption{.is_of_tree = words[0] == "metadata", .block = *block};
    }
    return last;
}

std::string to_text(const Corruption& corruption, std::string_view device) {
    return text(corruption.is_of_tree ? "hash" : "data", " block ", corruption.block, " of ", device,
                " is corrupted: it does not fit the root hash");
}

} // namespace mangrove::verity
