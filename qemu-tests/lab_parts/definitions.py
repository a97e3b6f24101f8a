"""How the definition of a case comes to its nodes: as the case's `source` says."""

import base64
import json
import re
import subprocess

from .artifacts import artifact_of
from .images import digest_of, image, root_hash_of
from .signer import encode, on_one_line, sign


def one_line(definition):
    """The file of a definition as one line of JSON."""
    return json.dumps(json.loads(definition.read_text()), separators=(",", ":"))


def filled(definition):
    """The text of a definition, with the digests, artifacts and root hashes of images in it."""
    written = re.sub(r"\{digest of ([^}]+)\}", lambda match: digest_of(image(match[1])), definition.read_text())
    written = re.sub(r"\{artifact of ([^}]+)\}", lambda match: artifact_of(image(match[1])), written)
    return re.sub(r"\{root hash of ([^}]+)\}", lambda match: root_hash_of(image(match[1])), written)


def on_command_line(definition, is_signed):
    written = filled(definition)
    # A refusal: the node has to find it out itself.
    plain = "mangrove.definition=base64:" + base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")
    return [encode(written) or plain, *([f"mangrove.signature={on_one_line(sign(written))}"] if is_signed else [])]


def definition_arguments(case):
    """Kernel arguments that hold or name the definition."""
    if case.firmware() or any("mangrove.definition" in line for line in case.lines("cmdline")):
        return []
    source = case.source()
    if not (case.directory / "definition.json").exists():
        return []
    if source == "command-line":
        return on_command_line(case.directory / "definition.json", case.is_signed())
    return {"dhcp": [], "fw_cfg": ["mangrove.definition=fw_cfg"], "smbios": ["mangrove.definition=smbios"],
            "appended-file": ["mangrove.definition=file:/definition.json"]}[source]


def append_file(initramfs, definition, path):
    """The initramfs with a second archive behind it, as a boot loader puts it there."""
    archive = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], input=definition.name + "\n", text=True,
                             encoding="latin-1", cwd=definition.parent, stdout=subprocess.PIPE, check=True).stdout
    whole = initramfs.read_bytes()
    path.write_bytes(whole + bytes(-len(whole) % 4) + archive.encode("latin-1"))
    return path


def with_definition(case, work, words):
    """The words that start a node, with the definition where the firmware or the boot loader would have put it."""
    definition = case.directory / "definition.json"
    source = case.source()
    if source == "fw_cfg":
        return [*words, "-fw_cfg", f"name=opt/mangrove/definition,file={definition}"]
    if source == "smbios":
        return [*words, "-smbios", "type=11,value=mangrove.definition:" + one_line(definition).replace(",", ",,")]
    if source == "appended-file":
        where = words.index("-initrd") + 1
        return [*words[:where], append_file(words[where], definition, work / "initramfs"), *words[where + 1:]]
    return words
