"""Runs the commands that the documentation shows, in a folder that has the files they name.

Commands stand in indented lines, after `$ ` or alone, and between backticks. What follows a `$ ` in
README must come out exactly. Commands that execute a network, or that time the machine, are parsed
only (--help is added): others test them, and an unoptimised build would take long.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

from tally import Tally

TOP = sys.argv[1]
PROGRAM = os.path.realpath(os.environ["FLOPWISE"])
MEASURES = {"run", "audit", "stat", "peak"}
# files that examples name: which of tests/models they are here
STAND_INS = {
    "model.onnx": "resnet18.onnx",
    "old.onnx": "resnet18.onnx",
    "new.onnx": "resnet34.onnx",
    "big.onnx": "resnet50.onnx",
}
RUN_FILE = "[pretraining]\nparams = 1e9\ntokens = 2e10\n"
CLAIMS = ("Model,Training compute (FLOP),Parameters,Training dataset size (total)\n"
          "A,1.2e20,1e9,2e10\n")


def read(path):
    with open(os.path.join(TOP, path)) as file:
        return file.read()


def join_lines(text):
    return re.sub(r"\\\n\s*", " ", text)


def indented(text):
    """Commands of indented lines, each with what is shown below it."""
    lines = join_lines(text).split("\n")
    for i, line in enumerate(lines):
        found = re.match(r"(?:    |\t)(\$ )?((?:build/)?flopwise .*)", line)
        if not found:
            continue
        shown = []
        for below in lines[i + 1:]:
            if found[1] is None or (below.strip() and not below.startswith("    ")):
                break
            shown.append(below[4:])
        yield found[2], "\n".join(shown).strip("\n")


def inline(text):
    for found in re.finditer(r"`((?:build/)?flopwise [^`]*)`", text):
        yield re.sub(r"\s+", " ", found[1]), ""


def commands():
    """Where it stands, the command, what is shown."""
    for path in ["README.md", *(os.path.relpath(p, TOP) for p in glob.glob(TOP + "/docs/*.md"))]:
        text = read(path)
        for example in [*indented(text), *(one for one in inline(text) if not is_mention(one[0]))]:
            yield path, *example
    for path in sorted(glob.glob(TOP + "/man/*.scd")):
        page = read(path).partition("# EXAMPLES")[2].partition("\n# ")[0]
        for command, _ in indented(re.sub(r"\+\+$", "", page.replace("\\*", "*"), flags=re.M)):
            yield os.path.relpath(path, TOP), command, ""
    for command in re.findall(r"\"(flopwise [^\"]*)\"", read("src/cli/commands.def")):
        yield "--help", command, ""


def is_mention(command):
    """Names a command, or a family of them as in `flopwise help COMMAND`."""
    return len(command.split()) == 2 or bool(re.search(r"\b[A-Z]{4,}\b|\.\.\.", command))


def words_of(command):
    return shlex.split(command, comments=True)


def run(command, folder):
    """The exit code and both streams."""
    words = words_of(command)
    if words[1] in MEASURES or words[1:2] + words[-1:] == ["init", "--simulate"]:
        words.insert(2, "--help")
    line = " ".join(word if word == "|" else shlex.quote(word) for word in words)
    line = re.sub(r"^(build/)?flopwise", shlex.quote(PROGRAM), line)
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def make_folder(folder):
    for path in glob.glob(TOP + "/tests/models/*.onnx"):
        os.symlink(path, os.path.join(folder, os.path.basename(path)))
    for name, model in STAND_INS.items():
        os.symlink(f"{TOP}/tests/models/{model}", os.path.join(folder, name))
    os.symlink(f"{TOP}/tests", os.path.join(folder, "tests"))
    with open(os.path.join(folder, "run.txt"), "w") as file:
        file.write(RUN_FILE)
    with open(os.path.join(folder, "models.csv"), "w") as file:
        file.write(CLAIMS)


def is_right(command, code, out, shown):
    words = words_of(command)
    gate = words[1] == "check" and code == 1
    return (code == 0 or gate) and (not shown or out.strip("\n").rstrip() == shown)


def main():
    tally, seen = Tally(), set()
    with tempfile.TemporaryDirectory() as folder:
        make_folder(folder)
        for path, command, shown in commands():
            if command in seen and not shown:
                continue
            seen.add(command)
            code, out, errors = run(command, folder)
            tally.check(is_right(command, code, out, shown),
                        f"{path}: {command}: exit code {code}: {errors or out}".rstrip())
    return tally.close()


sys.exit(main())
