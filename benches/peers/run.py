"""The peer of one case of `cargo xtask bench`, timed round by round on request (the protocol is told in crates/bench/src/main.rs).

    python benches/peers/run.py CASE --folder DIR [--data DIR] [--small] [--threads 2]
"""

import argparse
import json
import os
import resource
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("case")
parser.add_argument("--folder", default=".")
parser.add_argument("--data")
parser.add_argument("--small", action="store_true")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
# Before the libraries are imported, which read these once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)

from cases import CASES  # noqa: E402

if args.case not in CASES:
    print(json.dumps({"absent": True}))
    sys.exit(0)
case = CASES[args.case](args)
case()
print(json.dumps({"ready": True}), flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    value = case()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "value": float(value)}), flush=True)
print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
