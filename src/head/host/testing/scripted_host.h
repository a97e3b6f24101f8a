#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "head/host/host.h"

namespace mangrove::head {

/// Answers what programs are asked; nothing can be changed on it.
class ScriptedHost : public LinuxHost {
  public:
    std::map<std::string, std::string> answers;
    std::vector<std::string> present;
    std::map<std::string, std::string> files;
    std::vector<std::string> own_addresses = {"192.0.2.1", "fd00::1"};
    bool is_on_root = false; ///< the image store

    Result<std::string> run(const std::vector<std::string>& words) override {
        auto answer = answers.find(join(words, " "));
        if (answer == answers.end()) return permanent_error("not expected: ", join(words, " "));
        return answer->second;
    }
    Result<std::string> read(const std::string& path) override {
        auto file = files.find(path);
        if (file == files.end()) return system_error(ENOENT, "reading ", path);
        return file->second;
    }
    /// The names below it in `files`.
    std::vector<std::string> list(const std::string& path) override {
        std::vector<std::string> names;
        for (const auto& [file, contents] : files)
            if (file.starts_with(path + "/")) names.push_back(split(file.substr(path.size() + 1), '/')[0]);
        names.erase(std::ranges::unique(names).begin(), names.end());
        return names;
    }
    std::vector<std::string> open_files(const std::string& process) override {
        return {files[text("/proc/", process, "/fd")]};
    }
    std::vector<std::string> addresses() override { return own_addresses; }
    bool share_file_system(const std::string&, const std::string&) override { return is_on_root; }
    bool exists(const std::string& path) override {
        return std::ranges::find(present, path) != present.end();
    }
};

} // namespace mangrove::head
