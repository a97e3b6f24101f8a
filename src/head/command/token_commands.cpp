#include "head/command/token_commands.h"

#include <cstdio>

#include "head/command/node_commands.h"
#include "head/nodes/operators.h"

namespace mangrove::head {

Outcome<> token_add(Call& call, const std::string& name, const std::string& role) {
    Role allowed = TRY(role_from(role));
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::string token = TRY(make_token(*database, name, allowed, who()));
    if (call.form == Form::table) {
        print_line(token);
        return {};
    }
    Json json = make_json_object();
    add_text(json.get(), "token", token);
    print(json);
    return {};
}

Outcome<> token_list(Call& call) {
    std::vector<Token> tokens = TRY(list_tokens(*TRY(open_database(call))));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%-20s %-10s %-22s %s\n", "TOKEN", "ROLE", "MADE", "BY");
    for (const Token& token : tokens) {
        cJSON_AddItemToArray(all.get(), description_of(token).release());
        if (call.form == Form::table)
            std::printf("%-20s %-10s %-22s %s\n", token.name.c_str(),
                        std::string(role_name(token.role)).c_str(), token.made.c_str(), token.by.c_str());
    }
    if (call.form == Form::json) print(all);
    if (tokens.empty()) hint(call, "there are no tokens; mangrovectl token add NAME --role view");
    return {};
}

Outcome<> token_remove(Call& call, const std::string& name) {
    TRY(remove_token(*TRY(open_database(call)), name));
    return {};
}

} // namespace mangrove::head
