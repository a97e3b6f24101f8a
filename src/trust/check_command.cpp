#include "trust/check_command.h"

#include <cstdio>
#include <getopt.h>

#include "base/whole_file.h"
#include "definition/commands.h"
#include "definition/parse.h"

namespace mangrove::trust {

namespace {

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// Nothing where the question is about any node.
Result<std::optional<NodeNames>> names_of_node(const std::vector<std::string>& written) {
    NodeNames names;
    for (const std::string& name : written) {
        std::optional<std::string> node = definition::normalize_node(name);
        if (!node) return permanent_error("--node: '", name, "' is neither a MAC address nor a UUID");
        names.push_back(*std::move(node));
    }
    return names.empty() ? std::nullopt : std::optional(std::move(names));
}

Result<std::string> signature_of(const CheckRequest& request, const Envelope& envelope) {
    if (!request.signature.empty()) return read_file(request.signature);
    if (!envelope.signature.empty()) return envelope.signature;
    return read_file(request.file + ".sig").value_or("");
}

Result<std::string> text_of(const std::string& file) {
    return with_additions(TRY(open_envelope(TRY(definition::read_input(file)))));
}

int print_usage(FILE* stream) {
    std::fputs(
        "usage: mangrove check [options] FILE\n"
        "  --signers FILE        says whether a node with these allowed signers boots the definition, and\n"
        "                        everything for which it does not\n"
        "  --signature FILE      its signature (default: that of the envelope, else FILE.sig)\n"
        "  --node NAME           the MAC address or the UUID of the node; may be repeated (default: any)\n"
        "  --least-serial N      as for mangrove initramfs\n",
        stream);
    return stream == stdout ? 0 : 2;
}

/// Nothing where the arguments are wrong.
std::optional<CheckRequest> parse_options(const std::vector<std::string>& arguments) {
    constexpr option kOptions[] = {
        {"signers", required_argument, nullptr, 's'},
        {"signature", required_argument, nullptr, 'S'},
        {"node", required_argument, nullptr, 'n'},
        {"least-serial", required_argument, nullptr, 'l'},
        {nullptr, 0, nullptr, 0},
    };
    CheckRequest request;
    std::string program = "mangrove check";
    std::vector<char*> words = {program.data()};
    for (const std::string& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    int count = static_cast<int>(words.size()) - 1;
    optind = 0; // getopt's own state begins again
    for (int letter; (letter = ::getopt_long(count, words.data(), "", kOptions, nullptr)) != -1;) {
        std::optional<uint64_t> number = letter == 'l' ? parse_number(optarg) : 0;
        if (letter == '?' || !number) return std::nullopt;
        if (letter == 's') request.signers = optarg;
        if (letter == 'S') request.signature = optarg;
        if (letter == 'n') request.nodes.emplace_back(optarg);
        if (letter == 'l') request.least_serial = *number;
    }
    if (optind != count - 1) return std::nullopt;
    request.file = words[static_cast<size_t>(optind)];
    return request;
}

int fail(const Error& error) {
    std::fprintf(stderr, "mangrove: error: %s\n", describe(error).c_str());
    return 1;
}

int print(const std::string& file, const Checked& checked) {
    for (const std::string& objection : checked.verdict.objections)
        std::fprintf(stderr, "%s: refused: %s\n", file.c_str(), objection.c_str());
    if (!checked.verdict.signer.empty())
        std::printf("%s: signed by %s\n", file.c_str(), checked.verdict.signer.c_str());
    for (const std::string& line : checked.validity)
        std::printf("%s: %s\n", file.c_str(), line.c_str());
    return checked.verdict.objections.empty() ? 0 : 1;
}

} // namespace

Result<Checked> check_file(const CheckRequest& request) {
    Envelope envelope = TRY(open_envelope(TRY(definition::read_input(request.file))));
    definition::Definition definition =
        TRY(definition::parse_definition(TRY(with_additions(envelope))), "reading ", request.file);
    Policy policy{.allowed = parse_allowed_signers(TRY(read_file(request.signers))),
                  .least_serial = request.least_serial};
    if (!policy.allowed.problems.empty())
        return permanent_error(request.signers, ": ", join(policy.allowed.problems, "\n"));
    std::vector<std::string> signatures = {TRY(signature_of(request, envelope))};
    std::erase(signatures, "");
    return Checked{
        judge(policy, definition, envelope.definition, signatures, TRY(names_of_node(request.nodes)), now()),
        describe_validity(definition)};
}

int run_check(const std::vector<std::string>& arguments) {
    if (arguments == std::vector<std::string>{"--help"}) return print_usage(stdout);
    std::optional<CheckRequest> request = parse_options(arguments);
    if (!request) return print_usage(stderr);
    if (request->signers.empty()) {
        Result<std::string> text = text_of(request->file);
        return text ? definition::check_text(request->file, *text) : fail(text.error());
    }
    Result<Checked> checked = check_file(*request);
    return checked ? print(request->file, *checked) : fail(checked.error());
}

} // namespace mangrove::trust
