"""Artifacts of registries, as `mangrovectl publish --over oci` pushes them: an image's file as the only layer."""

import hashlib
import json

from .common import make, run
from .images import digest_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = b"{}"


def digest(contents):
    return "sha256:" + hashlib.sha256(contents).hexdigest()


def manifest_of(image):
    """The bytes of the manifest."""
    layer = {"mediaType": f"application/vnd.mangrove.image.v1.{image.suffix[1:]}", "digest": f"sha256:{digest_of(image)}",
             "size": image.stat().st_size, "annotations": {"org.opencontainers.image.title": f"root{image.suffix}"}}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.mangrove.image.v1",
                       "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(EMPTY), "size": len(EMPTY)},
                       "layers": [layer]}).encode()


def artifact_of(image):
    """The digest of the manifest."""
    return digest(manifest_of(image))


def push(image, repository, layout, words=()):
    """By skopeo, from an OCI layout that holds a link to the image. `words` come before skopeo's."""
    blobs = make(layout / "blobs/sha256")
    manifest = manifest_of(image)
    for contents in (manifest, EMPTY):
        (blobs / digest(contents)[7:]).write_bytes(contents)
    (blobs / digest_of(image)).symlink_to(image)
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": MANIFEST, "digest": digest(manifest), "size": len(manifest)}]}))
    run(*words, "skopeo", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout}",
        f"docker://{repository}:latest")
