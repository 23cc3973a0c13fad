#!/usr/bin/env python3
"""Times other tools on the same files, as whole processes: seconds and peak resident memory.

    python3 bench/peer_counters.py [--repeat 3] [--build DIR] PEER FILE|MODEL

PEER is one of
  protobuf-c  unpack only, bench/pbc_unpack.c (libprotobuf-c-dev, protobuf-c-compiler and the
              onnx.proto of python3-onnx; built into --build on first use)
  onnx-tool   load, infer, profile (PyPI onnx-tool; interpreter in $FLOPWISE_PEER_PYTHON)
  thop, fvcore, ptflops   a torchvision model, built without weights and counted (interpreter with
              torch, torchvision and the package in $FLOPWISE_TORCH_PYTHON)
  flopwise    `flopwise count FILE`, the binary in $FLOPWISE (default build/flopwise)
A Python environment outside the source tree:
  python3 -m venv DIR && DIR/bin/pip install onnx-tool
  /usr/bin/python3 -m venv --system-site-packages DIR && DIR/bin/pip install --no-deps \\
      thop fvcore ptflops iopath yacs portalocker tabulate termcolor tqdm
onnx-tool wants external data to exist: it gets a copy of the file beside a hole of the right size.
One line per run: peer, file, best seconds, peak MiB, then what the peer printed.
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

PROTO_DIR = "/usr/lib/python3/dist-packages/onnx"
ONNX_TOOL = """
import sys, onnx_tool
graph = onnx_tool.Model(sys.argv[1], {"verbose": False, "constant_folding": False}).graph
graph.shape_infer(None)
graph.profile()
print(int(graph.macs[0]), graph.params)
"""
TORCH_HEAD = """
import sys, warnings, logging
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import torch, torchvision
net = torchvision.models.get_model(sys.argv[1], weights=None).eval()
x = torch.rand(1, 3, 224, 224)
"""
TORCH = {
    "thop": "from thop import profile\nprint(*map(int, profile(net, inputs=(x,), verbose=False)))",
    "fvcore": "from fvcore.nn import FlopCountAnalysis as F\nprint(F(net, x).total())",
    "ptflops": "from ptflops import get_model_complexity_info as info\n"
               "print(info(net, (3, 224, 224), as_strings=False, print_per_layer_stat=False))",
}


def build_unpack(build):
    out = os.path.join(build, "pbc_unpack")
    if not os.path.exists(out):
        os.makedirs(build, exist_ok=True)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pbc_unpack.c")
        subprocess.run(["protoc-c", f"--proto_path={PROTO_DIR}", f"--c_out={build}",
                        f"{PROTO_DIR}/onnx.proto"], check=True)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", f"-I{build}", source,
                        os.path.join(build, "onnx.pb-c.c"), "-lprotobuf-c", "-o", out],
                       check=True)
    return out


def beside_weights(path, folder):
    """A copy of the file with an empty, sparse data file next to it."""
    copy = os.path.join(folder, os.path.basename(path))
    shutil.copy(path, copy)
    with open(os.path.join(folder, "weights_not_included.bin"), "wb") as f:
        f.truncate(8 * 2**30)
    return copy


def command(args, folder):
    if args.peer == "protobuf-c":
        return [build_unpack(args.build), args.target]
    if args.peer == "onnx-tool":
        python = os.environ.get("FLOPWISE_PEER_PYTHON", sys.executable)
        return [python, "-c", ONNX_TOOL, beside_weights(args.target, folder)]
    if args.peer == "flopwise":
        return [os.environ.get("FLOPWISE", "build/flopwise"), "count", args.target]
    python = os.environ.get("FLOPWISE_TORCH_PYTHON", "/usr/bin/python3")
    return [python, "-c", TORCH_HEAD + TORCH[args.peer], args.target]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "flopwise-peers"))
    parser.add_argument("peer", choices=["protobuf-c", "onnx-tool", "flopwise", *TORCH])
    parser.add_argument("target")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        line, best = command(args, folder), None
        for _ in range(args.repeat):
            start = time.perf_counter()
            run = subprocess.run(line, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - start
            if run.returncode != 0:
                print(run.stderr[-800:], file=sys.stderr)
                return 1
            best = seconds if best is None else min(best, seconds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    said = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""
    print(args.peer, args.target, f"{best:.3f} s", f"{peak:.0f} MiB", said, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
