#include "head/command/command_line.h"
#include "head/image/boot_image.h"

namespace mangrove::head {

namespace {

Outcome<> run_boot_image(CommandLine& line, Call& call, BootImageRequest request) {
    if (!line.reference.empty()) {
        Image image = TRY(Store(call.directories.images).find(line.reference));
        if (image.kernel_version.empty())
            return permanent_error(image.id,
                                   " has no kernel; build it with one, or name --kernel and --initramfs");
        request.kernel = image.kernel();
        request.initramfs = image.initramfs();
    }
    TRY(make_boot_image(request, call.progress));
    if (call.form == Form::table) {
        print_line(request.output.native());
        return {};
    }
    Json json = make_json_object();
    add_text(json.get(), "file", request.output);
    add_text(json.get(), "digest", "sha256:" + TRY(digest_of_file(request.output)));
    print(json);
    return {};
}

} // namespace

void add_boot_image_command(CommandLine& line) {
    auto request = std::make_shared<BootImageRequest>();
    CLI::App* command = line.app.add_subcommand(
        "boot-image", "Makes a signed file of kernel, initramfs and kernel arguments, for UEFI Secure Boot");
    command->footer(
        "A unified kernel image (UKI) with systemd's stub. Machines that have the certificate enrolled\n"
        "check all of it before they start it, by UEFI's HTTP boot, by TFTP or from iPXE.");
    add_json(line, *command);
    CLI::Option* image =
        command->add_option("image", line.reference, "Its id, the start of it, or its name: then the newest");
    command->add_flag("--uki")->description("Make a unified kernel image")->required();
    CLI::Option* kernel =
        command->add_option("--kernel", request->kernel, "Another kernel, instead of an image's")
            ->type_name("FILE")
            ->excludes(image);
    CLI::Option* initramfs = command->add_option("--initramfs", request->initramfs, "And its initramfs")
                                 ->type_name("FILE")
                                 ->excludes(image);
    kernel->needs(initramfs);
    initramfs->needs(kernel);
    command->add_option("--argument", request->arguments, "A kernel argument; may be repeated")
        ->allow_extra_args(false);
    command->add_option("--key", request->key, "The private key (PEM), or its URI with --engine")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--cert", request->certificate, "The certificate that the machines have enrolled (PEM)")
        ->required()
        ->type_name("FILE");
    command->add_option("--engine", request->engine, "OpenSSL's engine of a key in hardware: pkcs11");
    command->add_option("--stub", request->stub, "systemd's stub")->type_name("FILE")->capture_default_str();
    command->add_option("-o,--output", request->output, "The file to write")->required()->type_name("FILE");
    command->callback([&line, request] {
        if (line.reference.empty() && request->kernel.empty()) throw CLI::RequiredError("image");
        line.run([&](Call& call) { return run_boot_image(line, call, *request); });
    });
}

} // namespace mangrove::head
