#include "system/fake/system.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/mount.h>

namespace mangrove {

static std::string parent_of(const std::string& path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos || slash == 0 ? std::string() : path.substr(0, slash);
}

static bool is_below(const std::string& path, const std::string& directory) {
    return path == directory || path.starts_with(directory + "/");
}

void FakeSystem::add_to_tree(Tree& tree, const std::string& path, Node node) {
    for (std::string parent = parent_of(path); !parent.empty(); parent = parent_of(parent))
        tree.try_emplace(parent, Node{PathKind::directory, {}, 0755});
    tree[path] = std::move(node);
}

std::shared_ptr<FakeSystem::Tree> FakeSystem::make_tree(const std::map<std::string, std::string>& files) {
    auto tree = std::make_shared<Tree>();
    for (const auto& [written, contents] : files) {
        std::string path = written.starts_with("/") ? written : "/" + written;
        if (path.ends_with("/")) {
            path.pop_back();
            add_to_tree(*tree, path, {PathKind::directory, {}, 0755});
        } else if (path.ends_with("*")) {
            path.pop_back();
            add_to_tree(*tree, path, {PathKind::file, contents, 0755});
        } else if (path.ends_with("@")) {
            path.pop_back();
            add_to_tree(*tree, path, {PathKind::symbolic_link, contents, 0777});
        } else {
            add_to_tree(*tree, path, {PathKind::file, contents, 0644});
        }
    }
    return tree;
}

void FakeSystem::add_file(const std::string& path, std::string contents, unsigned mode) {
    Place place = locate(path);
    add_to_tree(*place.mount->tree, place.path, {PathKind::file, std::move(contents), mode});
}

void FakeSystem::add_directory(const std::string& path) {
    Place place = locate(path);
    add_to_tree(*place.mount->tree, place.path, {PathKind::directory, {}, 0755});
}

void FakeSystem::add_link(const std::string& path, std::string target) {
    Place place = locate(path);
    add_to_tree(*place.mount->tree, place.path, {PathKind::symbolic_link, std::move(target), 0777});
}

void FakeSystem::remove(const std::string& path) {
    Place place = locate(path);
    std::erase_if(*place.mount->tree, [&](const auto& entry) { return is_below(entry.first, place.path); });
    disks_.erase(path);
}

void FakeSystem::add_disk(const std::string& device, const Filesystem& filesystem,
                          const std::map<std::string, std::string>& files) {
    disks_[device] = {filesystem, make_tree(files)};
    Place place = locate(device);
    add_to_tree(*place.mount->tree, place.path, {PathKind::block_device, {}, 0600});
}

void FakeSystem::add_alias(const std::string& device, const std::string& disk) {
    add_disk(device, {});
    disks_[device] = disks_[disk];
}

void FakeSystem::set_bytes(const std::string& disk, std::string bytes) {
    Place place = locate(disk);
    (*place.mount->tree)[place.path].contents = std::move(bytes);
}

void FakeSystem::add_image(const std::string& path, const Filesystem& filesystem,
                           const std::map<std::string, std::string>& files) {
    images_[path] = {filesystem, make_tree(files)};
}

void FakeSystem::after(milliseconds delay, std::function<void()> happens) {
    events_.emplace(now_ + delay, std::move(happens));
}

std::optional<std::string> FakeSystem::file(const std::string& path) const {
    const Node* node = find(path);
    if (!node || node->kind != PathKind::file) return std::nullopt;
    return node->contents;
}

std::optional<unsigned> FakeSystem::mode(const std::string& path) const {
    const Node* node = find(path);
    return node ? std::optional(node->mode) : std::nullopt;
}

std::vector<std::string> FakeSystem::mounts() const {
    std::vector<std::string> targets;
    for (const MountPoint& mount : mounts_)
        if (!mount.target.empty()) targets.push_back(mount.target);
    return targets;
}

std::vector<std::string> FakeSystem::loop_devices() const {
    std::vector<std::string> devices;
    for (const auto& [device, file] : loops_)
        devices.push_back(device);
    return devices;
}

FakeSystem::Place FakeSystem::locate(const std::string& path) const {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
        if (!is_below(path, mount->target)) continue;
        return {&*mount, mount->prefix + path.substr(mount->target.size())};
    }
    return {&mounts_.front(), path};
}

const FakeSystem::Node* FakeSystem::find(const std::string& path) const {
    static const Node directory = {PathKind::directory, {}, 0755};
    std::string plain = path.size() > 1 && path.ends_with("/") ? path.substr(0, path.size() - 1) : path;
    if (plain == "/") return &directory;
    Place place = locate(plain);
    if (place.path.empty()) return &directory;
    auto found = place.mount->tree->find(place.path);
    return found == place.mount->tree->end() ? nullptr : &found->second;
}

Result<> FakeSystem::need_directory(const std::string& path, const std::string& operation) const {
    const Node* node = path.empty() ? find("/") : find(path);
    if (!node) return system_error(ENOENT, operation);
    if (node->kind != PathKind::directory) return system_error(ENOTDIR, operation);
    return {};
}

Result<> FakeSystem::put(const std::string& path, Node node, const std::string& operation) {
    TRY(need_directory(parent_of(path), operation));
    Place place = locate(path);
    if (place.mount->read_only) return system_error(EROFS, operation);
    (*place.mount->tree)[place.path] = std::move(node);
    return {};
}

Result<std::string> FakeSystem::read_file(const std::string& path) {
    std::string operation = "reading " + path;
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    if (!node) return system_error(ENOENT, operation);
    if (node->kind == PathKind::directory) return system_error(EISDIR, operation);
    return node->contents;
}

Result<> FakeSystem::write_file(const std::string& path, std::string_view contents, unsigned mode) {
    std::string operation = "writing " + path;
    TRY(transcript_.record(operation));
    return put(path, {PathKind::file, std::string(contents), mode}, operation);
}

Result<> FakeSystem::copy_file(const std::string& source, const std::string& target, unsigned mode) {
    std::string operation = text("copying ", source, " to ", target);
    TRY(transcript_.record(operation));
    const Node* node = find(source);
    if (!node) return system_error(ENOENT, operation);
    return put(target, {PathKind::file, node->contents, mode}, operation);
}

Result<> FakeSystem::append_file(const std::string& path, ByteView bytes) {
    std::string operation = "writing " + path;
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    std::string contents = node ? node->contents : std::string();
    contents.append(bytes.begin(), bytes.end());
    return put(path, {PathKind::file, contents, 0600}, operation);
}

Result<> FakeSystem::write_attribute(const std::string& path, std::string_view value) {
    std::string operation = text("writing '", value, "' to ", path);
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    if (!node) return system_error(ENOENT, operation);
    if (auto effect = effects_.find(path); effect != effects_.end()) {
        Result<> done = effect->second(value);
        if (!done) return system_error(done.error().code, operation);
    }
    return put(path, {PathKind::file, std::string(value), node->mode}, operation);
}

Result<> FakeSystem::write_bounded(const BoundedWrite& request) {
    if (request.key)
        TRY(transcript_.record(text("adding the key ", request.key->type, " ", request.key->description)));
    key_ = request.key;
    Result<> written = write_attribute(request.path, request.value);
    key_.reset();
    return written;
}

Result<> FakeSystem::set_mode(const std::string& path, unsigned mode) {
    std::string operation = "setting the mode of " + path;
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    if (!node) return system_error(ENOENT, operation);
    return put(path, {node->kind, node->contents, mode}, operation);
}

Result<std::string> FakeSystem::exchange(const std::string& device, std::string_view request) {
    std::string operation = "writing to " + device;
    TRY(transcript_.record(operation));
    auto answer = answers_.find(device);
    if (answer == answers_.end()) return system_error(ENOENT, operation);
    return answer->second(request);
}

Result<std::vector<std::string>> FakeSystem::list_directory(const std::string& path) {
    std::string operation = "listing " + path;
    TRY(transcript_.record(operation));
    TRY(need_directory(path, operation));
    std::set<std::string> names;
    Place place = locate(path);
    std::string prefix = (place.path == "/" ? std::string() : place.path) + "/";
    for (const auto& [entry, node] : *place.mount->tree) {
        if (!entry.starts_with(prefix)) continue;
        names.insert(entry.substr(prefix.size(), entry.find('/', prefix.size()) - prefix.size()));
    }
    return std::vector<std::string>(names.begin(), names.end());
}

Result<std::string> FakeSystem::read_part(const std::string& path, uint64_t offset, size_t count) {
    std::string contents = TRY(read_file(path));
    if (is_away(path)) return wait_for_ever("reading " + path);
    return offset < contents.size() ? contents.substr(offset, count) : std::string();
}

PathKind FakeSystem::path_kind(const std::string& path) {
    const Node* node = find(path);
    return node ? node->kind : PathKind::missing;
}

Result<std::string> FakeSystem::read_link(const std::string& path) {
    std::string operation = "reading the link " + path;
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    if (!node) return system_error(ENOENT, operation);
    if (node->kind != PathKind::symbolic_link) return system_error(EINVAL, operation);
    return node->contents;
}

Result<> FakeSystem::make_link(const std::string& path, const std::string& target) {
    std::string operation = "making the link " + path;
    TRY(transcript_.record(operation));
    if (find(path)) return system_error(EEXIST, operation);
    return put(path, {PathKind::symbolic_link, target, 0777}, operation);
}

Result<> FakeSystem::make_directory(const std::string& path, unsigned mode) {
    std::string operation = "making the directory " + path;
    TRY(transcript_.record(operation));
    const Node* existing = find(path);
    if (existing && existing->kind == PathKind::directory) return {};
    if (existing) return system_error(EEXIST, operation);
    Place place = locate(path);
    if (place.mount->read_only) return system_error(EROFS, operation);
    add_to_tree(*place.mount->tree, place.path, {PathKind::directory, {}, mode});
    return {};
}

Result<> FakeSystem::rename(const std::string& path, const std::string& new_path) {
    std::string operation = text("renaming ", path, " to ", new_path);
    TRY(transcript_.record(operation));
    const Node* node = find(path);
    if (!node) return system_error(ENOENT, operation);
    TRY(put(new_path, *node, operation));
    remove(path);
    return {};
}

Result<> FakeSystem::remove_directory(const std::string& path) {
    std::string operation = "removing the directory " + path;
    TRY(transcript_.record(operation));
    TRY(need_directory(path, operation));
    Place place = locate(path);
    for (const auto& [entry, node] : *place.mount->tree)
        if (entry.starts_with(place.path + "/")) return system_error(ENOTEMPTY, operation);
    place.mount->tree->erase(place.path);
    return {};
}

Result<std::string> FakeSystem::resolve_in_root(const std::string& root, const std::string& path) {
    std::string operation = text("looking up ", path, " in ", root);
    TRY(transcript_.record(operation));
    std::string base = root == "/" ? "" : root;
    std::string resolved;
    std::vector<std::string> pending = split(path, '/');
    for (int links = 0; !pending.empty();) {
        std::string name = pending.front();
        pending.erase(pending.begin());
        if (name.empty() || name == ".") continue;
        if (name == "..") {
            resolved = parent_of(resolved);
            continue;
        }
        const Node* node = find(base + resolved + "/" + name);
        if (!node) return system_error(ENOENT, operation);
        if (node->kind != PathKind::symbolic_link) {
            resolved += "/" + name;
            continue;
        }
        if (++links > 40) return system_error(ELOOP, operation);
        if (node->contents.starts_with("/")) resolved.clear();
        std::vector<std::string> target = split(node->contents, '/');
        pending.insert(pending.begin(), target.begin(), target.end());
    }
    return base + resolved;
}

bool FakeSystem::is_executable(const std::string& path) {
    const Node* node = find(path);
    return node && node->kind == PathKind::file && (node->mode & 0111) != 0;
}

Result<> FakeSystem::mount(const MountRequest& request) {
    std::string operation = text("mounting ", request.source, " on ", request.target);
    std::string details = request.type.empty() ? std::string() : " type " + request.type;
    if (request.flags & MS_BIND) details += request.flags & MS_REC ? " rbind" : " bind";
    if (request.flags & MS_REMOUNT) details += " remount";
    if (request.flags & MS_RDONLY) details += " ro";
    if (!request.options.empty()) details += " " + request.options;
    TRY(transcript_.record(operation + details));
    if (!find(request.target)) return system_error(ENOENT, operation);
    if (int refusal = refuse_mount(request); refusal != 0) return system_error(refusal, operation);
    if (is_away(request.source)) {
        if (request.time_limit.count() == 0) return wait_for_ever(operation);
        sleep(request.time_limit);
        return system_error(ETIMEDOUT, operation);
    }
    if (request.flags & MS_REMOUNT) {
        const_cast<MountPoint*>(locate(request.target).mount)->read_only = request.flags & MS_RDONLY;
        return {};
    }
    MountPoint mounted = {request.target, nullptr, {}, (request.flags & MS_RDONLY) != 0};
    if (request.flags & MS_BIND) {
        if (!find(request.source)) return system_error(ENOENT, operation);
        Place source = locate(request.source);
        mounted.tree = source.mount->tree;
        mounted.prefix = source.path;
        mounted.read_only = source.mount->read_only;
    } else if (auto disk = disks_.find(request.source); disk != disks_.end()) {
        if (disk->second.filesystem.type != request.type) return system_error(EINVAL, operation);
        mounted.tree = disk->second.tree;
    } else if (request.source.starts_with("/")) {
        return system_error(find(request.source) ? ENOTBLK : ENOENT, operation);
    } else {
        mounted.tree = std::make_shared<Tree>();
    }
    mounts_.push_back(std::move(mounted));
    return {};
}

Result<> FakeSystem::mount_overlay(const OverlayRequest& request) {
    std::string operation = "mounting an overlay on " + request.target;
    std::string details = " lower " + join(request.lowers, ":");
    if (!request.upper.empty()) details += text(" upper ", request.upper, " work ", request.work);
    if (!request.options.empty()) details += " options " + join(request.options, ",");
    TRY(transcript_.record(operation + details));
    TRY(need_directory(request.target, operation));
    auto merged = std::make_shared<Tree>();
    std::vector<std::string> layers = request.lowers;
    if (!request.upper.empty()) {
        TRY(need_directory(request.work, operation));
        layers.insert(layers.begin(), request.upper);
    }
    for (const std::string& layer : layers) {
        TRY(need_directory(layer, operation));
        Place place = locate(layer);
        for (const auto& [path, node] : *place.mount->tree)
            if (path.starts_with(place.path + "/")) merged->try_emplace(path.substr(place.path.size()), node);
    }
    mounts_.push_back({request.target, merged, {}, request.upper.empty()});
    return {};
}

Result<> FakeSystem::unmount_tree(const std::string& target) {
    TRY(transcript_.record(text("unmounting ", target, " with all that is in it")));
    std::erase_if(mounts_, [&](const MountPoint& mount) {
        return mount.target == target || mount.target.starts_with(target + "/");
    });
    return {};
}

Result<std::string> FakeSystem::security_label(const std::string& path) {
    TRY(transcript_.record("reading the SELinux label of " + path));
    auto label = security_labels_.find(path);
    return label == security_labels_.end() ? "" : label->second;
}

Result<> FakeSystem::set_security_label(const std::string& path, const std::string& label) {
    TRY(transcript_.record(text("setting the SELinux label of ", path, " to ", label)));
    security_labels_[path] = label;
    return {};
}

Result<> FakeSystem::unmount(const std::string& target) {
    std::string operation = "unmounting " + target;
    TRY(transcript_.record(operation));
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
        if (mount->target.empty() || mount->target != target) continue;
        if (is_away(target)) return wait_for_ever(operation);
        for (const MountPoint& other : mounts_)
            if (other.target.starts_with(target + "/")) return system_error(EBUSY, operation);
        mounts_.erase(std::next(mount).base());
        return {};
    }
    return system_error(EINVAL, operation);
}

Result<> FakeSystem::switch_root(const std::string& new_root) {
    TRY(transcript_.record("switching the root to " + new_root));
    switched_root_ = new_root;
    return {};
}

Result<> FakeSystem::execute(const std::vector<std::string>& arguments) {
    TRY(transcript_.record("executing " + join(arguments, " ")));
    executed_ = arguments;
    return {};
}

Result<std::string> FakeSystem::attach_loop(const LoopRequest& request) {
    std::string operation = "attaching " + request.file + " as a loop device";
    std::string details = request.access == Access::read_only ? " ro" : " rw";
    if (request.direct_io) details += " direct-io";
    if (request.scan_partitions) details += " partitions";
    TRY(transcript_.record(operation + details));
    auto image = images_.find(request.file);
    if (image == images_.end()) {
        // The image may lie in a mounted tree, under another path.
        Place place = locate(request.file);
        for (auto candidate = images_.begin(); candidate != images_.end(); ++candidate)
            if (find(request.file) && place.path == candidate->first) image = candidate;
    }
    if (image == images_.end() && !find(request.file)) return system_error(ENOENT, operation);
    int number = 0;
    while (loops_.contains(text("/dev/loop", number)))
        ++number;
    std::string device = text("/dev/loop", number);
    loops_[device] = request.file;
    add_disk(device, image == images_.end() ? Filesystem{} : image->second.filesystem);
    if (image != images_.end()) disks_[device] = image->second;
    if (request.scan_partitions) add_disk(device + "p1", disks_[device].filesystem);
    if (request.scan_partitions) disks_[device + "p1"] = disks_[device];
    return device;
}

Result<> FakeSystem::detach_loop(const std::string& device) {
    std::string operation = "detaching " + device;
    TRY(transcript_.record(operation));
    if (loops_.erase(device) == 0) return system_error(ENXIO, operation);
    remove(device);
    return {};
}

Result<> FakeSystem::load_module(const std::string& name_or_alias, const std::string& parameters) {
    std::string operation =
        text("loading the module ", name_or_alias, parameters.empty() ? "" : " ", parameters);
    TRY(transcript_.record(operation));
    if (missing_modules_.contains(name_or_alias)) return system_error(ENOENT, operation);
    loaded_modules_.push_back(name_or_alias);
    when_loaded(name_or_alias);
    return {};
}

Result<Filesystem> FakeSystem::probe_filesystem(const std::string& device) {
    std::string operation = "probing " + device;
    TRY(transcript_.record(operation));
    auto disk = disks_.find(device);
    if (disk == disks_.end()) return system_error(ENOENT, operation);
    if (is_away(device)) return wait_for_ever(operation);
    return disk->second.filesystem;
}

Result<std::string> FakeSystem::find_device(const std::string& tag, const std::string& value) {
    TRY(transcript_.record(text("finding the device with ", tag, "=", value)));
    for (const auto& [device, disk] : disks_) {
        const std::string& has = tag == "LABEL" ? disk.filesystem.label : disk.filesystem.uuid;
        if (tag != "PARTUUID" && has == value) return device;
    }
    return std::string();
}

Result<std::string> FakeSystem::kernel_log() {
    TRY(transcript_.record("reading the kernel's log"));
    return kernel_log_;
}

Result<bool> FakeSystem::wait_for_device_event(Deadline deadline) {
    TRY(transcript_.record("waiting for a device"));
    if (std::exchange(has_slept_over_event_, false)) return true;
    if (events_.empty() || events_.begin()->first > deadline) {
        now_ = std::max(now_, deadline);
        return false;
    }
    auto event = events_.extract(events_.begin());
    now_ = std::max(now_, event.key());
    event.mapped()();
    return true;
}

void FakeSystem::sleep(milliseconds duration) {
    Time end = now_ + duration;
    for (; !events_.empty() && events_.begin()->first <= end; has_slept_over_event_ = true) {
        auto event = events_.extract(events_.begin());
        now_ = std::max(now_, event.key());
        event.mapped()();
    }
    now_ = end;
}

Result<Bytes> FakeSystem::random_bytes(size_t count) {
    TRY(transcript_.record("reading random bytes"));
    Bytes bytes(count);
    for (size_t i = 0; i < count; ++i)
        bytes[i] = static_cast<uint8_t>(i * 37 + 11);
    return bytes;
}

Result<std::shared_ptr<uint8_t>> FakeSystem::share_memory(size_t size) {
    TRY(transcript_.record("getting shared memory"));
    return std::shared_ptr<uint8_t>(new uint8_t[size](), std::default_delete<uint8_t[]>());
}

Result<> FakeSystem::start_in_shelter(const std::function<void(System&)>& work, const std::vector<int>&) {
    TRY(transcript_.record("starting a process beside the root"));
    work(*this);
    return {};
}

Result<int> FakeSystem::start_resident(const Resident& resident) {
    TRY(transcript_.record("starting a resident for " + resident.name));
    started_residents_.push_back(resident);
    running_residents_.push(static_cast<int>(started_residents_.size()) - 1);
    return running_residents_.back();
}

void FakeSystem::end_resident(int process) {
    static_cast<void>(transcript_.record(text("ending the resident ", process)).has_value());
}

Result<seconds> FakeSystem::open_watchdog(seconds timeout) {
    TRY(transcript_.record(text("opening the watchdog for ", timeout.count(), " s")));
    if (path_kind("/dev/watchdog") == PathKind::missing) return system_error(ENOENT, "opening /dev/watchdog");
    return timeout;
}

void FakeSystem::stop_watchdog() {
    static_cast<void>(transcript_.record("stopping the watchdog").has_value());
}

ResidentEnd FakeSystem::wait_for_resident() {
    ResidentEnd end = {.process = running_residents_.front()};
    running_residents_.pop();
    if (resident_failures_.empty()) return end;
    end.failure = resident_failures_.front();
    resident_failures_.pop();
    return end;
}

Result<> FakeSystem::retire_resident(int process) {
    TRY(transcript_.record(text("ending the work of process ", process)));
    retired_residents_.push_back(process);
    return {};
}

Result<int> FakeSystem::start_across_roots(const std::string& new_root,
                                           const std::vector<std::string>& carried,
                                           const std::function<void(System&)>& work) {
    constexpr int kProcess = 4711;
    TRY(transcript_.record("starting a process that waits for the root " + new_root));
    carried_mounts_ = carried;
    after_soft_reboot_ = work;
    return kProcess;
}

Result<> FakeSystem::record_reads(const ReadRecording& wanted) {
    TRY(transcript_.record("recording what is read from " + wanted.root));
    recording_ = wanted;
    return {};
}

Result<> FakeSystem::end_process(int process) {
    TRY(transcript_.record(text("ending process ", process)));
    after_soft_reboot_ = [](System&) {};
    return {};
}

Result<> FakeSystem::ask_storage(const std::string& path, milliseconds time_limit) {
    std::string operation = "asking for " + path;
    TRY(transcript_.record(operation));
    if (path_kind(path) == PathKind::missing) return system_error(ENOENT, operation);
    if (!is_away(path)) return {};
    sleep(time_limit);
    return system_error(ETIMEDOUT, operation);
}

std::unexpected<Error> FakeSystem::wait_for_ever(const std::string& operation) {
    if (bounded_actions_ == 0) {
        std::fprintf(stderr, "%s: nobody would end this\n", operation.c_str());
        std::abort();
    }
    is_waiting_for_ever_ = true;
    return system_error(ETIMEDOUT, operation);
}

Result<std::string> FakeSystem::run_bounded(const std::string& operation, milliseconds time_limit,
                                            const Action& action) {
    ++bounded_actions_;
    Result<std::string> result = action();
    --bounded_actions_;
    if (!std::exchange(is_waiting_for_ever_, false)) return result;
    sleep(time_limit);
    return system_error(ETIMEDOUT, operation);
}

Result<> FakeSystem::load_kernel(const std::string& kernel, const std::string& initramfs,
                                 const std::string& command_line) {
    TRY(transcript_.record("loading a kernel"));
    loaded_kernel_ = {file(kernel).value_or(""), file(initramfs).value_or(""), command_line};
    return {};
}

Result<> FakeSystem::unload_kernel() {
    TRY(transcript_.record("unloading a kernel"));
    loaded_kernel_.reset();
    return {};
}

Result<> FakeSystem::set_wall_clock(WallTime time) {
    TRY(transcript_.record("setting the clock"));
    wall_clock_ = time;
    return {};
}

Result<> FakeSystem::set_host_name(const std::string& name) {
    TRY(transcript_.record("setting the host name to " + name));
    host_name_ = name;
    return {};
}

} // namespace mangrove
