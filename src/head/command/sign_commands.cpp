#include "head/command/sign_commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/stage.h"
#include "base/whole_file.h"
#include "definition/encoding.h"
#include "definition/parse.h"
#include "head/command/node_commands.h"
#include "head/host/program.h"
#include "head/operations/releases.h"
#include "head/publish/journal.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

/// Hardware keys first.
Result<std::string> own_key() {
    const char* home = std::getenv("HOME");
    fs::path directory = fs::path(home ? home : "/root") / ".ssh";
    for (const char* name : {"id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa"}) {
        std::error_code ignored;
        if (fs::path key = directory / name; fs::exists(key, ignored)) return key.native();
    }
    return permanent_error(directory.native(),
                           ": no key of the types ed25519 and ecdsa, or their sk- forms; make one with "
                           "ssh-keygen -t ed25519, or name one with --key");
}

Result<Stage> make_stage() {
    std::string name = (fs::temp_directory_path() / "mangrovectl-sign-XXXXXX").native();
    if (!::mkdtemp(name.data())) return system_error(errno, "making a temporary directory");
    return Stage{fs::path(name)};
}

/// In a directory of its own: ssh-keygen would ask whether it may replace the signature that there was.
Result<std::string> signature_of(const std::string& definition, const std::string& key) {
    Stage stage = TRY(make_stage());
    fs::path file = stage.path / "definition.json";
    TRY(write_file(file, definition));
    TRY(run_on_terminal({.words = {"ssh-keygen", "-q", "-Y", "sign", "-n", std::string(trust::kNamespace),
                                   "-f", key, file.native()},
                         .package = "openssh-client"}));
    return read_file(file.native() + ".sig");
}

Result<std::string> printed(const std::string& form, const trust::Envelope& envelope) {
    if (form == "envelope") return trust::envelope_text(envelope);
    return text("mangrove.definition=", TRY(definition::encode(envelope.definition)),
                " mangrove.signature=", trust::one_line(envelope.signature));
}

/// The publication with this id.
Result<Record> publication_of(const Call& call, const std::string& id) {
    std::vector<std::string> ids;
    for (Record& record : TRY(Journal::list(call.directories.publications))) {
        if (record.id == id) return std::move(record);
        ids.push_back(record.id);
    }
    return permanent_error(id, ": no such publication", did_you_mean(id, ids));
}

} // namespace

Result<trust::Envelope> make_envelope(Call& call, const std::string& written, const std::string& given_key) {
    definition::Definition definition = TRY(definition::parse_definition(written));
    for (const std::string& place : trust::unpinned_places(definition))
        call.progress.warn(text("nodes that boot signed definitions only refuse this one: ", place));
    std::string key = given_key.empty() ? TRY(own_key()) : given_key;
    trust::Envelope envelope{.definition = written,
                             .signature = TRY(signature_of(written, key), "signing with ", key)};
    trust::SshSignature signature =
        TRY(trust::parse_ssh_signature(envelope.signature), "checking the signature");
    TRY(trust::check_ssh_signature(signature, written), "checking the signature");
    call.progress.note(text("signed with ", signature.key.fingerprint(), " (", signature.key.type, "), ",
                            join(trust::describe_validity(definition), ", ")));
    return envelope;
}

Result<> keep_envelope(const Call& call, const Record& publication, const trust::Envelope& envelope) {
    return write_file(signed_definition_path(call.directories.publications, publication.id),
                      trust::envelope_text(envelope) + "\n", 0640);
}

Outcome<> release_sign(Call& call, const std::string& reference, const std::string& nodes,
                       const Signing& signing) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Release release = TRY(find_release(*database, reference));
    SharedDefinition shared = TRY(definition_to_sign(*database, call.directories, release, nodes));
    for (const std::string& problem : shared.problems)
        call.progress.warn("not signed for " + problem);
    std::string definition = TRY(with_validity(shared.definition, signing.validity));
    SignedDefinition made{.envelope = TRY(make_envelope(call, definition, signing.key)),
                          .tree = std::move(shared.files)};
    TRY(keep_signed_definition(*database, release, to_json(made)));
    if (call.form == Form::json)
        print(description_of(release, {}, signature_text(made)));
    else
        print_line(release.id);
    return {};
}

Outcome<> sign(Call& call, const SignRequest& request) {
    std::string written = TRY(read_file(request.file));
    trust::Envelope envelope =
        TRY(make_envelope(call, written, request.key), "reading ", request.file.native());
    if (!request.publication.empty()) {
        TRY(keep_envelope(call, TRY(publication_of(call, request.publication)), envelope));
        call.progress.note(text("mangrove-head serves it to the nodes of ", request.publication));
        return {};
    }
    if (request.form != "file") {
        print_line(TRY(printed(request.form, envelope)));
        return {};
    }
    std::string path = request.file.native() + ".sig";
    TRY(write_file(path, envelope.signature));
    if (call.form == Form::table) {
        print_line(path);
        return {};
    }
    Json json = make_json_object();
    add_text(json.get(), "signature", path);
    add_text(json.get(), "key", TRY(trust::parse_ssh_signature(envelope.signature)).key.fingerprint());
    print(json);
    return {};
}

Outcome<> verify(Call& call, const trust::CheckRequest& request) {
    trust::Checked checked = TRY(trust::check_file(request));
    const std::vector<std::string>& objections = checked.verdict.objections;
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_text(json.get(), "signer", checked.verdict.signer);
        add_texts(json.get(), "objections", objections);
        print(json);
    } else if (objections.empty()) {
        print_line(text("signed by ", checked.verdict.signer, ", ", join(checked.validity, ", ")));
    }
    if (objections.empty()) return {};
    return std::unexpected(Failed(Error{.what = join(objections, "\n")}));
}

} // namespace mangrove::head
