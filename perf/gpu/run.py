#!/usr/bin/env python3
"""Answers the first questions for a GPU in under ten minutes: ./run.py [--output FOLDER] [--device cuda|emulated] [--seconds 570]

Builds nothing but, where nvcc is there, the same kernels with NVIDIA's compiler for comparison. Every step has its own time and its own
process, the most important first; what does not fit is named as left out. Writes gpu.json and gpu.md. Needs no .NET; PyTorch is measured
beside where it is installed. `--device emulated` rehearses it all without a GPU, at toy sizes.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

NAMES = ["operators", "kernels", "step", "compilers", "sanitizer"]
HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE / "camels-gpu"


class Steps:
    """Runs commands within what is left of the time, and keeps what happened."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.log = []

    def left(self):
        return self.end - time.monotonic()

    def run(self, name, command, seconds, env=None):
        limit = min(seconds, self.left())
        if limit < 5:
            self.log.append({"step": name, "result": "left out: no time"})
            return None
        began = time.monotonic()
        try:
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=limit, env={**os.environ, **(env or {})})
            code, text, error = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            code, text, error = "timeout", (late.stdout or b"").decode() if isinstance(late.stdout, bytes) else late.stdout or "", ""
        except OSError as missing:
            code, text, error = "missing", "", str(missing)
        took = time.monotonic() - began
        self.log.append({"step": name, "result": code, "seconds": round(took, 1), "error": error[-2000:]})
        print(f"{name}: {code} in {took:.1f} s" + (f"  {error.strip().splitlines()[-1][:200]}" if error.strip() and code else ""), flush=True)
        return text

    def json(self, name, command, seconds, env=None):
        text = self.run(name, command, seconds, env)
        try:
            return json.loads(text[text.index("{"):]) if text else None
        except ValueError:
            return None


def operators(steps, device, output, together):
    """Question 2 and 3: every operator's cases, each operator in a process of its own."""
    names = subprocess.run([PROGRAM, "check", "--list"], capture_output=True, text=True).stdout.split()

    def check(name):
        path = output / f"check-{name}.json"
        path.unlink(missing_ok=True)
        steps.run(f"check {name}", [PROGRAM, "check", "--device", device, "--operator", name, "--output", path, "--seconds", "100"], 150)
        return json.loads(path.read_text())[0] if path.exists() else {"operator": name, "checks": 0, "failures": ["no result"]}

    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        return list(pool.map(check, names))


def sass(steps, folder, name, image):
    """Counts in machine code what tells a good kernel from a bad one."""
    text = steps.run(f"sass {name}", ["cuobjdump", "-sass", image], 30)
    if not text:
        return None
    return {op: len(re.findall(rf"\b{op}\b", text)) for op in ("HGMMA", "HMMA", "LDL", "STL")}


def compilers(steps, output):
    """Question 4: nvcc's build of the same sources, and ptxas's view of clang's."""
    if not shutil.which("nvcc"):
        return {"nvcc": "not here"}
    capability = subprocess.run(
        ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip().splitlines()
    target = "sm_90a" if capability and capability[0] == "9.0" else "sm_80"
    folder = output / "nvcc"
    folder.mkdir(exist_ok=True)
    texts = {}
    for compiled in ["sm_80", target]:   # a file without a design of its own for the target is that of sm_80
        texts |= {path.name.split(".")[0]: path for path in (HERE / "native/ptx").glob(f"*.{compiled}.ptx")}
    names = sorted(texts)

    def build(name):
        arch = target.removeprefix("sm_")
        by_nvcc = folder / f"{name}.{target}.cubin"
        by_clang = output / f"{name}.{target}.ptxas.cubin"
        steps.run(f"nvcc {name}", [
            "nvcc", "-std=c++17", "-O3", f"-gencode=arch=compute_{arch},code={target}", "-Inative/include", "-cubin", "-o", by_nvcc,
            f"native/cuda/{name}.cu"], 120)
        steps.run(f"ptxas {name}", ["ptxas", "-v", f"-arch={target}", "-O3", "-o", by_clang, texts[name]], 60)
        verbose = steps.log[-1].get("error", "")
        return name, {
            "nvcc": sass(steps, folder, f"{name} by nvcc", by_nvcc) if by_nvcc.exists() else None,
            "clang": sass(steps, folder, f"{name} by clang", by_clang) if by_clang.exists() else None,
            "spills": re.findall(r"(\d+) bytes spill stores", verbose),
        }

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(pool.map(build, names))


def sanitizer(steps, device):
    """Question 7, where the machine allows it."""
    tool = shutil.which("compute-sanitizer")
    if not tool or device != "cuda":
        return "not here"
    result = {}
    for check in ("memcheck", "racecheck"):
        for operator in ("MatMul", "Attention"):
            text = steps.run(
                f"{check} {operator}", [tool, "--tool", check, PROGRAM, "check", "--operator", operator, "--seconds", "20"], 45) or ""
            result[f"{check} {operator}"] = [line.strip("= ") for line in text.splitlines() if "ERROR SUMMARY" in line] or "no summary"
    return result


def table(report):
    lines = ["# A GPU's first answers", "", f"{report['when']}, commit {report['commit']}, {report.get('gpu') or 'no GPU'}", ""]
    doctor = report.get("doctor") or {}
    kernels = doctor.get("kernels") or {}
    files = kernels.get("files", [])
    facts = [kernel for file in files for kernel in file["kernels"]]
    local = [kernel["name"] for kernel in facts if kernel["local_bytes"] > 0]
    lines += [
        "## 1. The driver and the kernels", "",
        f"{len(files)} files, {len(facts)} kernels, {kernels.get('compile_seconds', 0):.1f} s to compile; local memory in: {', '.join(local) or 'none'}", ""]
    lines += [f"- refused: {file['problem']}" for file in files if file.get("problem")]
    lines += [f"- {file['origin']}: {line}" for file in files for line in file.get("complaints", [])]
    lines += ["", "## 2 and 3. Operators", "", "| operator | checks | failed | other bits than the PTX machine | than sm_80's kernels |", "|---|---|---|---|---|"]
    for result in report.get("operators", []):
        lines.append(
            f"| {result['operator']} | {result['checks']} | {len(result['failures'])} | {len(result.get('other_than_machine', []))} "
            f"| {len(result.get('other_than_older', []))} |")
    lines += [f"- {result['operator']}: {failure}" for result in report.get("operators", []) for failure in result["failures"][:3]]
    peers = {(row["name"], row["shape"]): row for row in (report.get("torch") or {}).get("kernels", [])}
    by_nvcc = {(row["name"], row["shape"]): row for row in (report.get("kernels_nvcc") or {}).get("kernels", [])}
    lines += ["", "## 4 and 5. Kernels", "", "| kernel | shape | µs | TFLOP/s | GB/s | of ceiling | PyTorch µs | our share | by nvcc µs |", "|---|---|---|---|---|---|---|---|---|"]
    for row in (report.get("kernels") or {}).get("kernels", []):
        key = (row["name"], row["shape"])
        peer, other = peers.get(key), by_nvcc.get(key)
        cells = [
            row["name"], row["shape"], f"{1e6 * row['median_seconds']:.1f}", f"{row['gigaflops_per_second'] / 1e3:.1f}",
            f"{row['gigabytes_per_second']:.0f}", f"{100 * float(row['share_of_ceiling']):.0f} %",
            f"{1e6 * peer['median_seconds']:.1f}" if peer else "", f"{100 * peer['median_seconds'] / row['median_seconds']:.0f} %" if peer else "",
            f"{1e6 * other['median_seconds']:.1f}" if other else ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## A whole step", "", "| program | tokens/s | step s | MFU | peak GB |", "|---|---|---|---|---|"]
    step = report.get("step") or {}
    if step:
        lines.append(f"| Camels | {step['tokens_per_second']:.0f} | {step['step_seconds']:.3f} | {100 * float(step['mfu']):.1f} % | {step['peak_memory_bytes'] / 1e9:.1f} |")
    for peer in (report.get("torch_step") or {}).get("steps", []):
        lines.append(f"| {peer['name']} | {peer['tokens_per_second']:.0f} | {peer['step_seconds']:.3f} | {100 * peer['mfu']:.1f} % | {peer['peak_memory_bytes'] / 1e9:.1f} |")
    lines += ["", "## Compilers, sanitizer, steps", "", "```", json.dumps({"compilers": report.get("compilers"), "sanitizer": report.get("sanitizer")}, indent=1), "```", ""]
    lines += [f"- {entry['step']}: {entry['result']}" for entry in report["steps"] if entry["result"] != 0]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=570)
    parser.add_argument("--only", default="", help=f"comma-separated of: {', '.join(NAMES)}")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else NAMES
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        parser.error(f"--only knows no {', '.join(unknown)}; it takes: {', '.join(NAMES)}")
    options.output.mkdir(parents=True, exist_ok=True)
    output = options.output.resolve()
    steps = Steps(options.seconds)
    real = options.device == "cuda"
    shape = ["--shape", "llama-7b", "--batch", "8", "--sequence-length", "2048", "--lanes", "8"] if real else \
        ["--shape", "quickstart", "--batch", "2", "--sequence-length", "16"]
    bench = [PROGRAM, "bench", "kernels", "--device", options.device, "--precision", "bf16"]
    peer = [sys.executable, HERE / "torch_peer.py"] + ([] if real else ["--rehearse"])
    report = {"when": datetime.datetime.now().isoformat(timespec="seconds"), "commit": (HERE / "commit").read_text().strip() if (HERE / "commit").exists() else "unknown"}

    def save():
        report["steps"] = steps.log
        (output / "gpu.json").write_text(json.dumps(report, indent=1))
        (output / "gpu.md").write_text(table(report))

    def bench_to(name, command, seconds, env=None):
        path = output / f"{name}.json"
        path.unlink(missing_ok=True)
        steps.run(name, command + ["--output", path], seconds, env)
        return json.loads(path.read_text()) if path.exists() else None

    report["doctor"] = steps.json("doctor", [PROGRAM, "doctor", "--json"], 120)
    gpus = ((report["doctor"] or {}).get("cuda") or {}).get("gpus", [])
    report["gpu"] = gpus[0]["name"] if gpus else None
    save()
    if "operators" in wanted:
        report["operators"] = operators(steps, options.device, output, together=6 if real else 2)
        save()
    if "kernels" in wanted:
        report["kernels"] = bench_to("kernels", bench, 90)
        report["torch"] = steps.json("torch kernels", peer + ["--kernels"], 90)
        save()
    if "step" in wanted:
        report["step"] = steps.json(
            "step", [PROGRAM, "bench", "train", "--device", options.device, "--precision", "bf16", "--recompute", "block", "--steps", "5", "--json"] + shape, 170)
        save()
        report["torch_step"] = steps.json("torch step", peer + ["--step"], 170)
        save()
    if "compilers" in wanted:
        report["compilers"] = compilers(steps, output)
        if (output / "nvcc").exists():
            report["kernels_nvcc"] = bench_to("kernels by nvcc", bench + ["--filter", "MatMul"], 60, {"CAMELS_KERNELS": str(output / "nvcc")})
        save()
    if "sanitizer" in wanted:
        report["sanitizer"] = sanitizer(steps, options.device)
    save()
    print((output / "gpu.md").read_text())


if __name__ == "__main__":
    main()
