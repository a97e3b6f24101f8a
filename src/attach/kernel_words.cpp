#include "attach/kernel_words.h"

namespace mangrove {

std::string kernel_words(System& system, const std::string& before,
                         std::span<const std::string_view> speakers) {
    std::string log = system.kernel_log().value_or("");
    if (log.starts_with(before)) log.erase(0, before.size());
    std::vector<std::string> words;
    for (const std::string& line : split(log, '\n'))
        for (std::string_view speaker : speakers)
            if (size_t at = line.find(speaker); at != std::string::npos) words.push_back(line.substr(at));
    return join(words, "; ");
}

} // namespace mangrove
