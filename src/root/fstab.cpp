#include "root/fstab.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace mangrove {

namespace {

constexpr std::string_view kBlanks = " \t";
/// Long enough for disks whose drivers the initramfs does not have. systemd holds the start up for as long
/// where the line is of swap space, nofail or not.
constexpr std::string_view kTimeout = "x-systemd.device-timeout=";
constexpr std::string_view kTimeToAppear = "10s";

struct Field {
    size_t begin = 0;
    std::string text = {};
};

std::vector<Field> fields_of(const std::string& line) {
    std::vector<Field> fields;
    for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string::npos;) {
        size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
        fields.push_back({begin, line.substr(begin, end - begin)});
        begin = line.find_first_not_of(kBlanks, end);
    }
    if (!fields.empty() && fields.front().text.starts_with("#")) fields.clear();
    return fields;
}

bool is_tag(const std::string& source) {
    constexpr std::string_view kTags[] = {"UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID="};
    return std::ranges::any_of(kTags, [&](std::string_view tag) { return source.starts_with(tag); });
}

bool is_below(const std::string& path, const std::vector<std::string>& directories) {
    return std::ranges::any_of(directories, [&](const std::string& directory) {
        return path == directory || path.starts_with(directory + "/");
    });
}

class Adaptation {
  public:
    Adaptation(const HasSource& has_source, bool keeps_root)
        : has_source_(has_source), keeps_root_(keeps_root) {}

    void add(const std::string& line) { adapted_.text += adapted(line) + "\n"; }

    AdaptedFstab finish() {
        adapted_.text.pop_back(); // split gives one part more than there are newlines
        return std::move(adapted_);
    }

  private:
    std::string adapted(const std::string& line) {
        constexpr size_t kLeast = 3;
        std::vector<Field> fields = fields_of(line);
        if (fields.size() >= 2 && fields[1].text == "/")
            return keeps_root_ && has_source_(fields[0].text) ? line : "#mangrove# " + line;
        if (fields.size() < kLeast) return line;
        const std::string& source = fields[0].text;
        const std::string& mount_point = fields[1].text;
        bool is_swap = fields[2].text == "swap";
        bool is_device = is_tag(source) || source.starts_with("/dev/");
        bool is_swap_file = is_swap && !is_device && source.starts_with("/");
        std::vector<std::string> options;
        if (fields.size() > kLeast) options = split(fields[kLeast].text, ',');
        auto has_option = [&](std::string_view option) {
            return std::ranges::find(options, option) != options.end();
        };
        for (const char* is_not_waited_for : {"nofail", "noauto", "x-systemd.automount", "_netdev"})
            if (has_option(is_not_waited_for)) return line;
        bool is_bound = (has_option("bind") || has_option("rbind")) && is_below(source, unmounted_);
        if (!is_bound && (!(is_device || is_swap_file) || has_source_(source))) return line;
        adapted_.missing.push_back(text(source, " for ", is_swap ? "swap" : mount_point));
        if (is_swap_file) return "#mangrove# " + line;
        if (!is_swap) unmounted_.push_back(mount_point);
        return with_options(line, fields, !is_bound);
    }

    static std::string with_options(const std::string& line, const std::vector<Field>& fields,
                                    bool is_device) {
        constexpr size_t kOptions = 3;
        bool has_options = fields.size() > kOptions;
        std::string options = has_options ? fields[kOptions].text + ",nofail" : "nofail";
        if (is_device && options.find(kTimeout) == std::string::npos)
            options += text(",", kTimeout, kTimeToAppear);
        if (!has_options) return line + "\t" + options;
        std::string changed = line;
        return changed.replace(fields[kOptions].begin, fields[kOptions].text.size(), options);
    }

    const HasSource& has_source_;
    bool keeps_root_;
    std::vector<std::string> unmounted_;
    AdaptedFstab adapted_;
};

} // namespace

AdaptedFstab adapt_fstab(const std::string& fstab, const HasSource& has_source, bool keeps_root) {
    Adaptation adaptation(has_source, keeps_root);
    for (const std::string& line : split(fstab, '\n'))
        adaptation.add(line);
    return adaptation.finish();
}

} // namespace mangrove
