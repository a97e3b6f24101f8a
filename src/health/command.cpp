#include "health/command.h"

#include <cstdio>
#include <sysexits.h>

#include "base/log.h"
#include "health/answer.h"
#include "health/health.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "root/server_unit.h"
#include "status/command.h"
#include "system/linux/system.h"

namespace mangrove {

namespace {

constexpr seconds kTimeToPost{30};
constexpr seconds kTimeForSystemd{20};
constexpr std::string_view kRestart = "restart";
constexpr const char* kPrograms = "/etc/mangrove/health.d";

/// Returns the answer of the head node.
Result<std::string> post_health(System& system, const definition::NodeServer& server) {
    Health health = TRY(look_at_health(system, space_of, kPrograms));
    return post_for_answer(
        system, server.url,
        {.json = health_json(health), .authorities = kServerAuthorities, .time_limit = kTimeToPost});
}

EndedProgram run(std::vector<std::string> words) {
    return run_program(std::move(words), kTimeForSystemd);
}

/// The head node asks for it when it gives up a release on this node.
Result<> restart() {
    log_notice("health: the head node asks this node to restart");
    EndedProgram ended = run({"systemctl", "reboot"});
    if (ended.status == 0) return {};
    return transient_error("systemctl reboot: exit status ", ended.status, ": ", ended.output);
}

Result<> post_and_obey(System& system, const definition::NodeServer& server) {
    std::string answer = TRY(post_health(system, server));
    TRY(note_answer(system, answer, run));
    return trim(answer) == kRestart ? restart() : Result<>();
}

/// Each new problem is said once: the next post may work.
[[noreturn]] void keep_posting(System& system, const definition::NodeServer& server) {
    std::string last;
    for (;;) {
        Result<> posted = post_and_obey(system, server);
        std::string problem = posted ? "" : posted.error().what;
        if (problem != last && !posted)
            log_notice("health: ", problem, "; retrying every ", server.interval.count(), " s");
        if (problem != last && posted) log_notice("health: posted again");
        last = std::move(problem);
        system.sleep(server.interval);
    }
}

} // namespace

int run_post_health(const std::vector<std::string>& arguments) {
    bool keeps = arguments == std::vector<std::string>{"--keep"};
    if (!arguments.empty() && !keeps) {
        std::fputs("usage: mangrove post-health [--keep]\n", stderr);
        return 2;
    }
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    Result<definition::NodeServer> server = read_server(system, kHealthUnit);
    if (server && keeps) keep_posting(system, *server);
    Result<> posted = server ? post_and_obey(system, *server) : std::unexpected(server.error());
    if (posted) return 0;
    log_line(LogLevel::error, describe(posted.error()));
    return posted.error().is_transient() ? EX_TEMPFAIL : 1;
}

} // namespace mangrove
