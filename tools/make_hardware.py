#!/usr/bin/env python3
"""Writes data/hardware.tsv from Epoch AI's table of hardware and a list kept by hand.

Usage: tools/make_hardware.py EPOCH_CSV CURATED_CSV >data/hardware.tsv

One row per device and source, in SI units; rows of one device share its name in the first column,
so that what the sources disagree about stays visible. Corrections are made here and nowhere else,
each with its reason, and stand in the note of the row.
"""
import csv
import sys

COLUMNS = ("device", "source", "name", "vendor", "kind", "per", "released", "fp64", "fp32", "tf32",
           "matrix16", "fp16", "fp8", "fp4", "int8", "int4", "sparsity", "memory", "bandwidth",
           "scale_up", "scale_out", "power", "price", "short", "reference", "note")

HEAD = """\
# Accelerators: one row per device and source. Empty: the source does not say.
# Source epoch: Epoch AI, "Data on Machine Learning Hardware",
# epoch.ai/data/machine-learning-hardware, used under CC-BY 4.0
# (creativecommons.org/licenses/by/4.0); changed: columns chosen and renamed, figures of matrix
# units moved to matrix16, notes added. Source curated: by hand, see reference. Made by
# tools/make_hardware.py. fp64 ... int4: dense peak per second (2 per multiply-add), never with
# sparsity; matrix16: fp16/bf16 on matrix units, fp16: without them; sparsity: what the vendor's
# other figure multiplies by; per: what one row is; short: the bare name that means this device.
# Memory in bytes, bandwidth and scale_up in bytes/s (epoch: mostly both directions together,
# curated: one), scale_out in bit/s, power in W, price in US$.
"""

# Names in the curated list -> names in Epoch's table, where the device is the same.
SAME = {
    "NVIDIA Tesla V100 SXM2 16GB": "NVIDIA Tesla V100 SXM2 16 GB",
    "NVIDIA Tesla V100 SXM2 32GB": "NVIDIA Tesla V100 SXM2 32 GB",
    "NVIDIA Tesla V100 PCIe 16/32GB": "NVIDIA Tesla V100 PCIe 32 GB",
    "NVIDIA T4": "NVIDIA Tesla T4",
    "NVIDIA A100 SXM4 40GB": "NVIDIA A100 SXM4 40 GB",
    "NVIDIA A100 SXM4 80GB": "NVIDIA A100 SXM4 80 GB",
    "NVIDIA A100 PCIe 40GB": "NVIDIA A100 PCIe",
    "NVIDIA A10": "NVIDIA A10 PCIe",
    "NVIDIA A40": "NVIDIA A40 PCIe",
    "NVIDIA RTX 6000 Ada": "NVIDIA RTX 6000 Ada Generation",
    "NVIDIA H100 PCIe 80GB": "NVIDIA H100 PCIe",
    "NVIDIA H100 NVL 94GB": "NVIDIA H100 NVL",
    "NVIDIA GH200 (141GB HBM3e)": "NVIDIA GH200",
    "NVIDIA H20": "NVIDIA HGX H20",
    "NVIDIA B200 SXM": "NVIDIA B200",
    "NVIDIA GB200 (per GPU)": "NVIDIA GB200",
    "NVIDIA B300 SXM": "NVIDIA B300 (Blackwell Ultra)",
    "NVIDIA GB300 (per GPU)": "NVIDIA GB300 (Blackwell Ultra)",
    "NVIDIA GeForce RTX 2080 Ti": "NVIDIA GeForce RTX 2080 Ti 11GB",
    "AMD Instinct MI250X": "AMD Radeon Instinct MI250X",
    "Google TPU v2 (chip)": "Google TPU v2",
    "Google TPU v3 (chip)": "Google TPU v3",
    "Google TPU v4 (chip)": "Google TPU v4",
    "Google TPU v5e (chip)": "Google TPU v5e",
    "Google TPU v5p (chip)": "Google TPU v5p",
    "Google TPU v6e Trillium (chip)": "Google TPU v6e Trillium",
    "Google TPU v7 Ironwood (chip)": "Google TPU v7 Ironwood",
    "AWS Trainium1 (chip)": "Amazon Trainium1",
    "AWS Trainium2 (chip)": "Amazon Trainium2",
    "AWS Trainium3 (chip)": "Amazon Trainium3",
    "Groq LPU v1": "GroqChip LPU v1",
}

# What one row is, where it is not one chip.
PER = {
    "NVIDIA Tesla K80": "card of 2 GPUs",
    "NVIDIA TESLA M60": "card of 2 GPUs",
    "AMD Radeon Instinct MI250X": "package of 2 GPU dies, which programs see as 2 devices",
    "NVIDIA GB200": "GPU, half of a superchip",
    "NVIDIA GB300 (Blackwell Ultra)": "GPU, half of a superchip",
    "Google TPU v2": "chip of 2 cores",
    "Google TPU v3": "chip of 2 cores",
    "Google TPU v4": "chip of 2 cores",
    "Google TPU v5p": "chip of 2 cores",
    "Google TPU v7 Ironwood": "chip, which programs see as 2 devices",
}

# What a family's bare name means, where no device is called just that.
SHORT = {"NVIDIA H100 SXM5 80GB": "H100", "NVIDIA A100 SXM4 40 GB": "A100 40GB"}

# Devices whose matrix units have a 2:4 sparse mode; vendors print the doubled figure as well.
SPARSE = ("A100", "A800", "A10 ", "A10G", "A30", "A40", "A4000", "A5000", "A6000", "GeForce RTX 30",
          "GeForce RTX 40",
          "RTX 6000 Ada", "L2 ", "L4", "L20", "L40", "H100", "H200", "H800", "H20", "GH", "B100",
          "B200", "GB200", "B300", "GB300", "MI300X", "MI300A", "MI325X", "MI350X", "MI355X",
          "MTIA v2")

# (device, column): (value, reason); None leaves a figure out.
FIXES = {
    ("NVIDIA Rubin CPX", "fp4"):
        (None, "announced 3e16 FP4 left out: not stated whether dense"),
    ("NVIDIA GeForce RTX 3090", "int16"): (None, ""),
    ("NVIDIA GeForce RTX 2080 Ti 11GB", "matrix16"):
        (None, "Epoch's 1.138e14 left out: fp16 accumulation, half of it with fp32"),
    ("NVIDIA GeForce RTX 4090", "matrix16"):
        (None, "Epoch's 3.30e14 left out: fp16 accumulation, half of it with fp32"),
    ("NVIDIA GeForce RTX 3090 Ti", "matrix16"):
        (None, "Epoch's 1.60e14 left out: fp16 accumulation, half of it with fp32"),
    ("NVIDIA GB300 (Blackwell Ultra)", "int4"):
        (None, "Epoch's int4 1.5e16 left out: it is the fp4 figure"),
    ("NVIDIA B300 (Blackwell Ultra)", "int4"):
        (None, "Epoch's int4 1.35e16 left out: it is an fp4 figure"),
    ("AMD Instinct MI355X", "int4"): (None, "Epoch's int4 1.007e16 left out: it is the fp4 figure"),
    ("AMD Instinct MI350X", "int4"): (None, "Epoch's int4 9.23e15 left out: it is the fp4 figure"),
    ("AMD Instinct MI355X", "fp16"): (None, "Epoch's second fp16 figure 2.34e15 left out"),
    ("AMD Instinct MI350X", "fp16"): (None, "Epoch's second fp16 figure 2.34e15 left out"),
}

EPOCH = {
    "fp64": "FP64 (double precision) performance (FLOP/s)",
    "fp32": "FP32 (single precision) performance (FLOP/s)",
    "tf32": "TF32 (TensorFloat-32) performance (FLOP/s)",
    "matrix16": "Tensor-FP16/BF16 performance (FLOP/s)",
    "fp16": "FP16 (half precision) performance (FLOP/s)",
    "fp8": "FP8 performance (FLOP/s)",
    "fp4": "FP4 performance (FLOP/s)",
    "int8": "INT8 performance (OP/s)",
    "int4": "INT4 performance (OP/s)",
    "memory": "Memory (bytes)",
    "bandwidth": "Memory bandwidth (byte/s)",
    "scale_up": "Intranode bandwidth (byte/s)",
    "scale_out": "Internode bandwidth (bit/s)",
    "power": "TDP (W)",
    "price": "Release price (USD)",
}
CURATED = {
    "fp64": ("fp64_tflops", 1e12),
    "fp32": ("fp32_tflops", 1e12),
    "tf32": ("tf32_tflops", 1e12),
    "matrix16": ("bf16_fp16_dense_tflops", 1e12),
    "fp8": ("fp8_dense_tflops", 1e12),
    "fp4": ("fp4_dense_tflops", 1e12),
    "int8": ("int8_dense_tops", 1e12),
    "memory": ("mem_gb", 1e9),
    "bandwidth": ("mem_bw_GBps", 1e9),
    "scale_up": ("scaleup_bw_GBps_per_direction", 1e9),
    "scale_out": ("scaleout_Gbps", 1e9),
    "power": ("tdp_w", 1),
    "price": ("launch_price_usd", 1),
}


def number(value):
    """Six digits: what sources print, without the noise of their unit conversions."""
    return f"{float(value):.6g}" if value else ""


def words(text):
    return " ".join(text.split())


def finish(row):
    """Corrections that hold for both sources."""
    device = row["device"]
    notes = [row["note"]] if row["note"] else []
    for column in COLUMNS:
        if (device, column) in FIXES and row["source"] == "epoch":
            value, reason = FIXES[device, column]
            row[column] = value or ""
            notes += [reason]
    row["short"] = SHORT.get(device, "")
    row["per"] = PER.get(device, "chip")
    padded = device + " "
    row["sparsity"] = "2" if any(s in padded for s in SPARSE) else ""
    row["note"] = "; ".join(n for n in notes if n)
    return row


def from_epoch(r):
    row = {c: "" for c in COLUMNS}
    row.update(device=r["Hardware name"], source="epoch", name=r["Hardware name"],
               vendor=words(r["Manufacturer"]), kind=r["Type"], released=r["Release date"],
               reference=words(r["Link to datasheet"]) or "epoch.ai/data/machine-learning-hardware")
    for column, key in EPOCH.items():
        row[column] = number(r[key])
    fp16, fp32 = float(row["fp16"] or 0), float(row["fp32"] or 0)
    # vector units do fp16 at twice fp32 at most, four times on the A100: more is a matrix unit
    if fp16 and (row["fp16"] == row["matrix16"] or not fp32 or fp16 > 4.1 * fp32 or
                 (not row["matrix16"] and fp16 > 3.4 * fp32)):
        row["matrix16"] = row["matrix16"] or row["fp16"]
        if row["fp16"] == row["matrix16"]:
            row["fp16"] = ""
    return finish(row)


def from_curated(r):
    row = {c: "" for c in COLUMNS}
    row.update(device=SAME.get(r["name"], r["name"]), source="curated", name=r["name"],
               vendor=r["vendor"], released=r["release_date"], note=words(r["note"]),
               reference=words(r["source"].removeprefix("curated: ")))
    for column, (key, unit) in CURATED.items():
        row[column] = number(float(r[key]) * unit) if r[key] else ""
    if "P100" in row["name"]:  # packed halves on the vector units
        row["fp16"], row["matrix16"] = row["matrix16"], ""
    return finish(row)


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as f:
        epoch = [from_epoch(r) for r in csv.DictReader(f)]
    epoch = [r for r in epoch if any(r[c] for c in COLUMNS[7:23])]  # announced: nothing known yet
    with open(sys.argv[2], encoding="utf-8", newline="") as f:
        curated = [from_curated(r) for r in csv.DictReader(f)]
    known = {r["device"] for r in epoch}
    lost = [d for d in SAME.values() if d not in known]
    assert not lost, lost
    first = {r["device"]: r for r in epoch}
    for r in curated:
        same = first.get(r["device"])
        r["kind"] = same["kind"] if same else "GPU"
        if same and same["vendor"]:
            r["vendor"] = same["vendor"]
        elif same:
            same["vendor"] = r["vendor"]
    rows = sorted(epoch + curated, key=lambda r: (r["vendor"].lower(), r["device"], r["source"]))
    sys.stdout.write(HEAD)
    for r in [{c: c for c in COLUMNS}] + rows:
        print("\t".join(r[c] for c in COLUMNS))


main()
