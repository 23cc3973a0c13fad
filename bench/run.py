#!/usr/bin/env python3
"""Speed and memory as ratios to other tools, measured now, on this machine: `make bench`.

    python3 bench/run.py [--quick] BUILD_DIR

Takes `flopwise` and `flopwise-bench` from BUILD_DIR. Files, peers and their Python environments are
made in build-bench/ when they are first needed (docs/benchmarks.md says what is measured and why).
--quick leaves out the counters from PyPI and the file of a million nodes. A peer that cannot be had
is named and skipped. The exit code is 1 only when something of ours did not run; a time that misses
what is wanted is shown and fails nothing.
"""
import json
import os
import shlex
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(TOP, "bench")
WORK = os.path.join(TOP, "build-bench")
MODEL = os.path.join(TOP, "tests", "models", "resnet50.onnx")
DEBIAN_PYTHON = "/usr/bin/python3"
MIB = 1024.0  # KiB
ROUNDS = 8

# name: (packages, with the system's packages, what has to be importable first, what is counted)
COUNTERS = {
    "onnx-tool": (["onnx-tool"], False, None, MODEL),
    "thop": (["thop"], True, "torchvision", "resnet50"),
    "fvcore": (["fvcore", "iopath", "yacs", "portalocker", "tabulate", "termcolor", "tqdm"], True,
               "torchvision", "resnet50"),
}


class Skip(Exception):
    """A peer that is not to be had here."""


class Failed(Exception):
    """Something of ours that did not run."""


def run(command, env=None):
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"


def say(text):
    print(text, flush=True)


# ---- what is measured with -----------------------------------------------------------------------

def bench_program(build, mode, runs, *arguments):
    """{name: number} from flopwise-bench."""
    command = [os.path.join(build, "flopwise-bench"), mode, "-n", str(runs), *arguments]
    done = run(command)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {last_line(done.stderr)}")
    return {name: float(n) for name, n in (line.split("\t") for line in done.stdout.splitlines())}


def process(build, *command, runs=20):
    """(best milliseconds, peak MiB) of a whole process; hyperfine's clock where it is there."""
    ours = bench_program(build, "process", runs, *command)
    if shutil.which("hyperfine") is None:
        return ours["total"], ours["peak_kib"] / MIB
    export = os.path.join(WORK, "hyperfine.json")
    done = run(["hyperfine", "-N", "--warmup", "2", "--runs", str(runs), "--export-json", export,
                shlex.join(command)])
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {last_line(done.stderr)}")
    with open(export, encoding="utf-8") as f:
        return json.load(f)["results"][0]["min"] * 1e3, ours["peak_kib"] / MIB


def synthetic(kind, size):
    ending = ".onnx" if kind in ("nodes", "weights") else ""
    path = os.path.join(WORK, f"{kind}_{size}{ending}")
    if not os.path.exists(path):
        say(f"writing {os.path.relpath(path, TOP)}")
        subprocess.run([sys.executable, os.path.join(HERE, "make_synthetic.py"), kind, str(size),
                        path + ".part"], check=True)
        os.replace(path + ".part", path)
    return path


# ---- peers ---------------------------------------------------------------------------------------

def environment(name, packages, with_system):
    """The interpreter of a virtual environment that has these packages."""
    folder = os.path.join(WORK, "venv-" + name)
    python = os.path.join(folder, "bin", "python")
    complete = os.path.join(folder, "complete")
    if os.path.exists(complete):
        return python
    say(f"installing {name} into {os.path.relpath(folder, TOP)}")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--system-site-packages"] if with_system else []
    done = run([DEBIAN_PYTHON, "-m", "venv", *options, folder])
    if done.returncode == 0:
        # with the system's torch, pip must not fetch another one
        options = ["--no-deps"] if with_system else []
        done = run([python, "-m", "pip", "install", "-q", *options, *packages])
    if done.returncode != 0:
        raise Skip(f"cannot be installed: {last_line(done.stderr)}")
    with open(complete, "w", encoding="utf-8"):
        return python


def counter_ms(name):
    packages, with_system, needs, target = COUNTERS[name]
    if needs and run([DEBIAN_PYTHON, "-c", f"import {needs}"]).returncode != 0:
        raise Skip(f"{DEBIAN_PYTHON} has no {needs} (Debian: python3-{needs})")
    python = environment(name, packages, with_system)
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE",
                                                            "OPENBLAS_L2_SIZE")}
    env["FLOPWISE_PEER_PYTHON"] = env["FLOPWISE_TORCH_PYTHON"] = python
    done = run([sys.executable, os.path.join(HERE, "peer_counters.py"), "--build", WORK,
                name, target], env)
    if done.returncode != 0:
        raise Skip(f"did not run: {last_line(done.stderr)}")
    _, _, seconds, peak, said = done.stdout.rstrip("\n").split("\t")
    say(f"  {name}: {seconds}, {peak}, says {said}")
    return float(seconds.split()[0]) * 1e3


def unpack_program(path):
    """Builds the peer that only unpacks, and runs it once."""
    if not shutil.which("protoc-c"):
        raise Skip("protoc-c is missing (Debian: protobuf-c-compiler, libprotobuf-c-dev)")
    done = run([sys.executable, os.path.join(HERE, "peer_counters.py"), "--build", WORK,
                "--repeat", "1", "protobuf-c", path])
    if done.returncode != 0:
        raise Skip(f"did not run: {last_line(done.stderr)}")
    return os.path.join(WORK, "pbc_unpack")


def unpack_ms(program, path):
    """Milliseconds of protobuf-c's unpacking alone, the reading of the file left out."""
    words = run([program, path]).stdout.split()
    return float(words[words.index("unpack_ms") + 1])


# ---- the table -----------------------------------------------------------------------------------

class Table:
    HEAD = ("what", "ours", "peer", "ratio", "wanted", "verdict")

    def __init__(self):
        self.rows = []

    def add(self, what, ours, peer="", ratio="", wanted="", good=None):
        verdict = "" if good is None else good if isinstance(good, str) else \
            "ok" if good else "MISSED"
        self.rows.append((what, ours, peer, ratio, wanted, verdict))

    def against(self, what, ours, peer, limit, wanted, also=True):
        """A row whose verdict is ours / peer[1] <= limit; peer None: skipped."""
        if peer is None:
            self.add(what, ms_text(ours), "none", "", wanted, "SKIP")
            return
        ratio = ours / peer[1]
        text = f"1/{1 / ratio:.0f}" if ratio < 0.1 else f"{ratio:.2f}"
        self.add(what, ms_text(ours), f"{peer[0]} {ms_text(peer[1])}", text, wanted,
                 ratio <= limit and also)

    def show(self):
        rows = [self.HEAD, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        for k, row in enumerate(rows):
            say("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |")
            if k == 0:
                say("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def ms_text(ms):
    return f"{ms / 1e3:.2f} s" if ms >= 1e3 else f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms"


def attempt(skipped, name, measure, *arguments):
    try:
        return name, measure(*arguments)
    except Skip as why:
        say(f"SKIP {name}: {why}")
        skipped.append(name)
        return None


# ---- what is measured ----------------------------------------------------------------------------

def small_model(table, build, flopwise, skipped, quick):
    peers = [] if quick else [attempt(skipped, name, counter_ms, name) for name in COUNTERS]
    best = min((p for p in peers if p), key=lambda p: p[1], default=None)
    ms, peak = process(build, flopwise, "count", MODEL, "--format", "json", "-o", "/dev/null",
                       runs=50)
    table.against("count resnet50, process", ms, best, 0.01, "<= 1/100, < 10 ms", ms < 10)
    table.add("  its peak memory", f"{peak:.1f} MiB")


def many_nodes(table, build, flopwise, skipped, quick):
    path = synthetic("nodes", 100000)
    unpack = attempt(skipped, "protobuf-c", unpack_program, path)
    peer, stages = None, {}
    for _ in range(ROUNDS):  # in turns, so that whatever else the machine does meets both
        for name, n in bench_program(build, "stages", 2, path).items():
            stages[name] = min(n, stages.get(name, n))
        if unpack:
            ms = unpack_ms(unpack[1], path)
            peer = ("protobuf-c", min(ms, peer[1]) if peer else ms)
    table.against("100,000 nodes, all stages", stages["total"], peer, 1, "<= 1")
    for name, ms in stages.items():
        if name not in ("total", "peak_kib", "nodes"):
            table.add("  " + name, ms_text(ms))
    one = bench_program(build, "stages", 1, path)
    table.add("  its peak memory", f"{one['peak_kib'] / MIB:.0f} MiB")
    for verb in ("count", "memory"):
        ms, peak = process(build, flopwise, verb, path, "--format", "json", "-o", "/dev/null",
                           runs=3)
        table.against(f"100,000 nodes, {verb} as JSON", ms, peer, 1e9, "", True)
        table.rows[-1] = table.rows[-1][:4] + ("", "")
    if quick:
        return
    path = synthetic("nodes", 1000000)
    million, tenth = None, None
    for _ in range(ROUNDS // 2):
        ms = bench_program(build, "stages", 1, path)["total"]
        million = min(ms, million or ms)
        ms = bench_program(build, "stages", 2, synthetic("nodes", 100000))["total"]
        tenth = min(ms, tenth or ms)
    table.against("1,000,000 nodes, all stages", million, ("100,000 nodes", tenth), 12, "<= 12")
    table.rows[-1] = table.rows[-1][:3] + (f"{million / tenth:.1f}",) + \
        table.rows[-1][4:]


def large_weights(table, build, flopwise):
    path = synthetic("weights", 1024)
    ms, peak = process(build, flopwise, "count", path, "--format", "json", "-o", "/dev/null")
    table.add("1 GiB of weights, process", ms_text(ms), wanted="< 5 ms", good=ms < 5)
    table.add("  its peak memory", f"{peak:.1f} MiB", wanted="< 20 MiB", good=peak < 20)


def many_shards(table, build, flopwise):
    for kind, size, what in (("shards", 200, "200 shards, 1138 tensors, process"),
                             ("experts", 200, "200 shards, 93,696 tensors, process")):
        ms, peak = process(build, flopwise, "count", synthetic(kind, size), "--quiet", "--top", "9",
                           "-o", "/dev/null")
        limit = 100 if kind == "shards" else None
        table.add(what, ms_text(ms), wanted=f"< {limit} ms" if limit else "",
                  good=ms < limit if limit else None)
        table.add("  its peak memory", f"{peak:.1f} MiB")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--quick"]
    quick = "--quick" in sys.argv[1:]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    build = os.path.abspath(arguments[0])
    flopwise = os.path.join(build, "flopwise")
    for program in (flopwise, os.path.join(build, "flopwise-bench")):
        if not os.access(program, os.X_OK):
            print(f"{os.path.relpath(program)} is not built: ninja -C {arguments[0]} "
                  f"{os.path.basename(program)}", file=sys.stderr)
            return 1
    os.makedirs(WORK, exist_ok=True)
    table, skipped, status = Table(), [], 0
    for part in (lambda: small_model(table, build, flopwise, skipped, quick),
                 lambda: many_nodes(table, build, flopwise, skipped, quick),
                 lambda: large_weights(table, build, flopwise),
                 lambda: many_shards(table, build, flopwise)):
        try:
            part()
        except Failed as why:
            say(f"FAILED {why}")
            status = 1
    table.show()
    if skipped:
        say("skipped peers: " + ", ".join(skipped))
    return status


if __name__ == "__main__":
    sys.exit(main())
