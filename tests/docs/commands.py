#!/usr/bin/env python3
"""Every command line in the pages can be given: programs, commands and options exist.

    commands.py SOURCE BIN PAGE...

Looks at the lines of blocks of sh, and of indented ones in README, that begin with build/bin/, benchmarks/, ./quickstart.sh,
packaging/ or a launcher of these. Runs nothing but `--help`.
"""
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys

source, bin_ = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


@functools.cache
def help_of(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True)
    return done.stdout + done.stderr


def wrong_with(words):
    """What is wrong with a command line, an empty text, or None where it is nothing that can be compared."""
    if words[:1] == ["python3"]:
        return "" if all((source / word).exists() for word in words[1:]) else f"no such file among {words[1:]}"
    starts = [i for i, word in enumerate(words) if re.match(r"(\./)?(build/bin|benchmarks|packaging)/|\./quickstart\.sh", word)]
    if not starts:
        return None
    program, *rest = words[starts[0]:]
    if program == "./quickstart.sh":
        modes = re.findall(r"quickstart\.sh (\w+)", (source / "quickstart.sh").read_text())
        return "" if not rest or rest[0] in modes else f"quickstart.sh has no {rest[0]}"
    path = bin_ / pathlib.Path(program).name if program.startswith("build/bin/") else source / program
    if not path.exists():
        return f"no such program: {program}"
    if path.name == "benchmarks" or not os.access(path, os.X_OK):
        return None
    command = [rest.pop(0)] if rest and path.name in ("super_resolution", "vessel_segmentation") and not rest[0].startswith("-") else []
    known = help_of(str(path), *command)
    if command and command[0] not in help_of(str(path)):
        return f"{path.name} has no command {command[0]}"
    unknown = [word for word in rest if word.startswith("--") and not re.search(re.escape(word.split("=")[0]) + r"(?![\w-])", known)]
    return f"{path.name} has no {', '.join(unknown)}" if unknown else ""


def main():
    count, wrong = 0, []
    for page in sys.argv[3:]:
        text = (source / page).read_text()
        lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
        lines += re.findall(r"^    (\./quickstart.*|build/bin.*)$", text, re.M)
        for line in lines:
            line = re.sub(r"\s#.*", "", line)
            problem = wrong_with(shlex.split(line))
            if problem:
                wrong.append(f"{page}: {line}: {problem}")
            count += problem is not None
    if count < 20:
        wrong.append(f"expected at least 20 command lines in the pages, got {count}")
    print("\n".join(wrong) or f"{count} command lines")
    sys.exit(bool(wrong))


main()
