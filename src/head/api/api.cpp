#include "head/api/api.h"

#include <array>
#include <cerrno>
#include <pwd.h>

#include "head/api/answering.h"
#include "head/api/page.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kBearer = "Bearer ";

/// The parameters of the path; nothing where it is another one.
std::optional<std::vector<std::string>> match_path(std::string_view pattern, std::string_view path) {
    std::vector<std::string> expected = split(pattern, '/');
    std::vector<std::string> given = split(path, '/');
    if (expected.size() != given.size()) return {};
    std::vector<std::string> names;
    for (size_t i = 0; i < given.size(); ++i) {
        if (expected[i].starts_with('{'))
            names.push_back(percent_decoded(given[i]));
        else if (expected[i] != given[i])
            return {};
    }
    return names;
}

std::string user_name(unsigned user) {
    passwd entry = {};
    passwd* found = nullptr;
    std::array<char, 4096> buffer = {};
    ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
    return found ? found->pw_name : text(user);
}

unsigned status_of(const Error& error) {
    if (error.is_transient()) return 503;
    return error.code == ESTALE ? 409 : 400;
}

Answer not_allowed(const std::vector<std::string>& methods) {
    std::string allowed = join(methods, ", ");
    Answer answer = problem_answer(405, "use " + allowed);
    answer.allow = allowed;
    return answer;
}

} // namespace

Result<std::shared_ptr<Database>> Api::open() {
    std::lock_guard lock(mutex_);
    if (!database_) database_ = TRY(open_database(directories_.database));
    return database_;
}

Result<Operator> Api::identify(Database& database, const Asked& asked) {
    if (asked.user) return Operator{user_name(*asked.user), Role::admin};
    if (asked.authorization.empty() && daemon_.is_open_view) return Operator{"anyone", Role::view};
    if (!asked.authorization.starts_with(kBearer))
        return permanent_error("a token is needed: Authorization: Bearer TOKEN (mangrovectl token add)");
    std::optional<Operator> who =
        TRY(find_operator(database, std::string_view(asked.authorization).substr(kBearer.size())));
    if (!who) return permanent_error("the token is not known; make one with mangrovectl token add");
    return *who;
}

Answer Api::answer(const Asked& asked) {
    std::string path = asked.target.substr(0, asked.target.find('?'));
    Answer answer = answer_path(asked, path);
    answer.is_for_browsers = true;
    return answer;
}

Answer Api::answer_path(const Asked& asked, const std::string& path) {
    if (std::optional<Answer> page = page_answer(asked, path)) return *std::move(page);
    Result<std::shared_ptr<Database>> database = open();
    if (!database) return problem_answer(503, describe(database.error()));
    Result<Operator> who = identify(**database, asked);
    if (!who) return problem_answer(who.error().is_transient() ? 503 : 401, describe(who.error()));
    std::vector<std::string> methods;
    std::string method = asked.method == "HEAD" ? "GET" : asked.method;
    for (const Route& route : api_routes()) {
        std::optional<std::vector<std::string>> names = match_path(route.path, path);
        if (!names) continue;
        methods.emplace_back(route.method);
        if (method != route.method) continue;
        if (who->role < route.role)
            return problem_answer(403, text(who->name, ": has the role ", role_name(who->role),
                                            "; this needs the role ", role_name(route.role)));
        ApiCall call{asked, *who, *std::move(names), *database, daemon_, directories_};
        Result<Answer> answer = route.run(call);
        if (!answer) answer = problem_answer(status_of(answer.error()), describe(answer.error()));
        answer->route = route.path;
        return *std::move(answer);
    }
    if (!methods.empty()) return not_allowed(methods);
    return problem_answer(404, path + ": not found; see openapi.yaml");
}

} // namespace mangrove::head
