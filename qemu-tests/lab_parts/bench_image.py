"""`mangrovectl image build` beside the mkfs programs that it runs: the same tree, the same words."""

import functools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .common import CACHE, MANGROVECTL, make, run
from .images import image
from .results import in_turn, tell

PROGRAMS = {"squashfs": "mksquashfs", "erofs": "mkfs.erofs", "ext4": "mke2fs"}
SECONDS = "seconds"


def build(work, tree, form, environment=None):
    """Seconds that mangrovectl takes, with a store of its own."""
    store = work / "store"
    os.sync()
    begin = time.monotonic()
    run(MANGROVECTL, "--store", store, "image", "build", "bench", "--from", tree, "--format", form, "--no-boot",
        env=environment)
    seconds = time.monotonic() - begin
    shutil.rmtree(store)
    return seconds


def words_of(work, tree, form):
    """Returns the arguments that mangrovectl gives to the program, from a script in its place."""
    program = PROGRAMS[form]
    stand_in = make(work / "bin") / program
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{work}/words\nexec {shutil.which(program)} "$@"\n')
    stand_in.chmod(0o755)
    build(work, tree, form, {**os.environ, "PATH": f"{stand_in.parent}:{os.environ['PATH']}"})
    return (work / "words").read_text().splitlines()


def bare(work, words, program):
    """Seconds that the program alone takes until what it makes, where mangrovectl has it, is on the disk."""
    made = work / "made"
    words = [str(made) if word.endswith("/made/image") else word for word in words]
    if program == "mke2fs":
        made.touch()
        os.truncate(made, int(words[-1]) * 4096)
    os.sync()
    begin = time.monotonic()
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(made, "rb") as file:
        os.fsync(file.fileno())
    seconds = time.monotonic() - begin
    made.unlink()
    return seconds


def bench_image(options):
    tree = image("debian.squashfs").with_suffix("")
    with tempfile.TemporaryDirectory(dir=make(CACHE)) as work:
        work = Path(work)
        builds = {}
        for form, program in PROGRAMS.items():
            builds[program] = functools.partial(bare, work, words_of(work, tree, form), program)
            builds[f"image build, {form}"] = functools.partial(build, work, tree, form)
        taken = in_turn(builds, options.rounds, lambda timed: {SECONDS: timed()})

    def ratios(medians):
        return {f"{form}_ratio": medians[f"image build, {form}"][SECONDS] / medians[program][SECONDS]
                for form, program in PROGRAMS.items()}

    return tell("image", options, taken, ratios)
