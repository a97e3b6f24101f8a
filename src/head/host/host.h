#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// The users that may read a file.
enum class Readers { everyone, owner };

/// The seam to the machine whose servers publish.
class Host {
  public:
    virtual ~Host() = default;

    /// Runs a program and returns its standard output.
    virtual Result<std::string> run(const std::vector<std::string>& words) = 0;
    /// The same for one that reads a large file.
    virtual Result<std::string> run_long(const std::vector<std::string>& words, const std::string& file) {
        static_cast<void>(file);
        return run(words);
    }
    virtual bool exists(const std::string& path) = 0;
    virtual Result<std::string> read(const std::string& path) = 0;
    /// The names in a directory; none where it cannot be read.
    virtual std::vector<std::string> list(const std::string& path) = 0;
    /// Returns the paths of a process's open files; none if it is gone.
    virtual std::vector<std::string> open_files(const std::string& process) = 0;
    /// The IP addresses of the machine's interfaces.
    virtual std::vector<std::string> addresses() = 0;
    /// Whether both are on one file system; false where one cannot be looked at.
    virtual bool share_file_system(const std::string& a, const std::string& b) = 0;
    /// Whole or not at all.
    virtual Result<> write(const std::string& path, const std::string& contents, Readers readers) = 0;
    /// Without the renaming of `write`: for the attributes of configfs.
    virtual Result<> write_attribute(const std::string& path, const std::string& contents) = 0;
    /// A second name for a file, or a copy where the file system is another.
    virtual Result<> clone(const std::string& from, const std::string& to) = 0;
    virtual Result<> make_link(const std::string& path, const std::string& target) = 0;
    virtual Result<> make_directory(const std::string& path) = 0;
    /// A file or a link; not to be there is no error.
    virtual Result<> remove(const std::string& path) = 0;
    /// Not to be there, or to hold something, is no error.
    virtual Result<> remove_directory(const std::string& path) = 0;
};

/// Reports copying, and a program that runs long, to the sink.
class LinuxHost : public Host {
  public:
    LinuxHost() = default;
    explicit LinuxHost(Progress& progress) : progress_(&progress) {}

    Result<std::string> run_long(const std::vector<std::string>& words, const std::string& file) override;
    Result<std::string> run(const std::vector<std::string>& words) override;
    bool exists(const std::string& path) override;
    Result<std::string> read(const std::string& path) override;
    std::vector<std::string> list(const std::string& path) override;
    std::vector<std::string> open_files(const std::string& process) override;
    std::vector<std::string> addresses() override;
    bool share_file_system(const std::string& a, const std::string& b) override;
    Result<> write(const std::string& path, const std::string& contents, Readers readers) override;
    Result<> write_attribute(const std::string& path, const std::string& contents) override;
    Result<> clone(const std::string& from, const std::string& to) override;
    Result<> make_link(const std::string& path, const std::string& target) override;
    Result<> make_directory(const std::string& path) override;
    Result<> remove(const std::string& path) override;
    Result<> remove_directory(const std::string& path) override;

  private:
    Progress* progress_ = nullptr; ///< nullptr: no reports
};

} // namespace mangrove::head
