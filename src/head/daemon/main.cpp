/// mangrove-head: the daemon that serves nodes, and its command line.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "head/api/api.h"
#include "head/daemon/controller.h"
#include "head/daemon/server.h"
#include "head/daemon/worker.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr const char* kAbout =
    "mangrove-head serves nodes what they boot: scripts for iPXE, kernels, definitions and files, from the\n"
    "database that mangrovectl writes. systemd starts it as mangrove-head.service.\n";

/// Each connection takes one; of the rest of the program, a few dozen are open.
void raise_limit_of_descriptors(size_t connections) {
    rlimit limit = {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 2 * connections + 256);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

Directories directories_of(const Settings& settings) {
    return {.images = settings.state / "images",
            .publications = settings.state / "publications",
            .targets = settings.state / "targets",
            .database =
                settings.database.empty() ? (settings.state / "nodes.db").native() : settings.database};
}

Result<int> check(const Settings& settings, const Authority& authority, const RenderProgram& program) {
    Directories directories = directories_of(settings);
    std::unique_ptr<Database> database = TRY(open_database(directories.database));
    Preparer preparer(settings, directories, program, authority.archive, authority.token_key);
    std::shared_ptr<const BootTable> table = TRY(preparer.prepare(*database));
    for (const std::string& problem : table->problems)
        std::printf("%s\n", problem.c_str());
    std::printf("%zu nodes, %zu problems\n", table->nodes.size(), table->problems.size());
    return table->problems.empty() ? 0 : 1;
}

Result<int> run(const std::filesystem::path& file, bool is_check) {
    // Root's may be stricter; what it makes is for the group of mangrove-head, too.
    if (is_check) ::umask(0007);
    Settings settings = TRY(read_settings(file));
    RenderProgram program = TRY(find_render_program());
    program.include = settings.include;
    Authority authority = TRY(prepare_authority(settings.state / "authority", settings.addresses),
                              "preparing the certificates of the head node");
    if (is_check) return check(settings, authority, program);
    raise_limit_of_descriptors(settings.connections);
    Listeners listeners = TRY(open_listeners(settings));
    Directories directories = directories_of(settings);
    Meter meter;
    BootReports reports(settings.state / "reports");
    BootProfiles profiles(settings.state / "profiles");
    Worker worker(settings, directories,
                  Preparer(settings, directories, program, authority.archive, authority.token_key), reports,
                  profiles, meter);
    TRY(worker.start());
    Controller controller(directories.database, &meter, settings.scontrol);
    controller.start();
    NodeAnswers nodes(
        settings, [&](Discovered machine) { worker.note(std::move(machine)); },
        [&](const std::string& node, std::string report) { worker.keep_report(node, std::move(report)); },
        &controller, &profiles);
    auto state = [&] {
        std::string problem = worker.problem();
        if (problem.empty()) problem = controller.problem();
        return ServiceState{problem, nodes.deferred(), nodes.waiting()};
    };
    Api api(directories, {.table = [&] { return worker.table(); },
                          .state = state,
                          .reports = &reports,
                          .profiles = &profiles,
                          .meter = &meter,
                          .version = MANGROVE_VERSION,
                          .is_open_view = settings.is_open_view});
    Service service{
        .listeners = std::move(listeners),
        .certificate = authority.server,
        .connections = settings.connections,
        .answer_node =
            [&](const Asked& asked) {
                return nodes.answer(*worker.table(), asked, std::chrono::steady_clock::now());
            },
        .answer_operator =
            [&](const Asked& asked) { return Answer{.finish = [&api, asked] { return api.answer(asked); }}; },
        .every_second = [] { notify_systemd("WATCHDOG=1"); },
        .meter = meter,
    };
    notify_systemd(text("READY=1\nSTATUS=Serving ", worker.table()->nodes.size(), " nodes"));
    TRY(serve(std::move(service)));
    notify_systemd("STOPPING=1");
    return 0;
}

} // namespace

} // namespace mangrove::head

int main(int argument_count, char** arguments) {
    using namespace mangrove;
    set_log_sink(
        [](LogLevel level, std::string_view line) { std::fputs(shown_line(level, line).c_str(), stderr); });
    CLI::App app(head::kAbout);
    std::filesystem::path file = head::kSettingsFile;
    bool is_check = false;
    app.add_option("--configuration", file, "The configuration")->capture_default_str();
    app.add_flag("--check", is_check, "Check the configuration and what nodes would be served, and end");
    app.set_version_flag("--version", "mangrove-head " MANGROVE_VERSION);
    CLI11_PARSE(app, argument_count, arguments);
    Result<int> done = head::run(file, is_check);
    if (done) return *done;
    log_line(LogLevel::error, describe(done.error()));
    return 1;
}
