"""Ours and PyTorch, one after the other on the same machine, several rounds; medians of ratios. Then our matrix products' shares of the peak.

usage: compare_training.py [--shapes llama-15m llama-110m] [--precision fp32 bf16] [--rounds 3] [--steps 6] [--threads 2] [--python P] --output F.json

Needs a build (dotnet build -c Release) and Debian's python3-torch with libopenblas0-pthread: without the latter its products
run on the reference BLAS, which would be no peer."""
import argparse, datetime, json, pathlib, platform, re, statistics, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAMELS = ROOT / "src/Camels.Cli/bin/Release/net10.0/camels"
PEER = ROOT / "perf/peers/torch_llama_train.py"
ROWS, TOKENS = 4, 256


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def ours(shape, precision, a):
    command = [CAMELS, "bench", "train", "--shape", shape, "--batch", ROWS, "--sequence-length", TOKENS,
               "--precision", precision, "--steps", a.steps, "--threads", a.threads, "--json"]
    return json.loads(run(command))


def peer(shape, precision, a):
    dtype = {"fp32": "f32", "bf16": "bf16"}[precision]
    text = run([a.python, PEER, "--config", shape.removeprefix("llama-"), "--dtype", dtype,
                "-B", ROWS, "-T", TOKENS, "--threads", a.threads, "--steps", a.steps])
    return text.strip(), float(re.search(r"(\d+) tok/s, best", text).group(1))


def compare(shape, precision, a, result, save):
    rounds = result["rounds"] = []
    for number in range(a.rounds):
        mine, (text, theirs) = ours(shape, precision, a), peer(shape, precision, a)
        rounds.append({"ours_tokens_per_second": mine["tokens_per_second"], "peer_tokens_per_second": theirs,
                       "ratio": mine["tokens_per_second"] / theirs, "mfu": mine["mfu"], "peak_source": mine["peak_source"], "peer": text})
        print(f"{shape} {precision} round {number + 1}: {mine['tokens_per_second']:.0f} / {theirs:.0f} tokens/s = "
              f"{rounds[-1]['ratio']:.2f}, {100 * mine['mfu']:.0f} % of peak", flush=True)
        result.update({"shape": shape, "precision": precision, "median_ratio": statistics.median(one["ratio"] for one in rounds),
                       "commit": mine["commit"], "device": mine["device"]})
        save()
    print(f"{shape} {precision}: median ratio {result['median_ratio']:.2f}", flush=True)


def products(precision, a):
    report = json.loads(run([CAMELS, "bench", "kernels", "--filter", "MatMul", "--precision", precision, "--threads", a.threads, "--json"]))
    for one in report["kernels"]:
        print(f"{precision} {one['name']} ({one['shape']}): {one['gigaflops_per_second']:.0f} GFLOP/s, "
              f"{100 * one['share_of_ceiling']:.0f} % of {report['peak_source']}", flush=True)
    return report


parser = argparse.ArgumentParser()
parser.add_argument("--shapes", nargs="+", default=["llama-15m", "llama-110m"])
parser.add_argument("--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--steps", type=int, default=6)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--python", default="/usr/bin/python3", help="one with the PyTorch to compare with")
parser.add_argument("--output", required=True)
a = parser.parse_args()
report = {"command": "perf/peers/compare_training.py " + " ".join(sys.argv[1:]), "date": datetime.date.today().isoformat(),
          "machine": platform.machine(), "results": [], "products": []}


def save():
    pathlib.Path(a.output).write_text(json.dumps(report, indent=2) + "\n")


for precision in a.precision:
    for shape in a.shapes:
        report["results"].append({})
        compare(shape, precision, a, report["results"][-1], save)
    report["products"].append(products(precision, a))
    save()
