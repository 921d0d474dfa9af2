#!/usr/bin/env python3
"""usage: paired.py OLD NEW [--rounds N] [--new MODE]

Compares two builds of the library (folders such as target/dist; the same one twice is fine): runs benches/paired.c against them in turn, and
prints for each operation the minimum of either and their ratio. --new runs the second build with memories that move ("moving") or without
signals ("checks").
"""
import argparse
import collections
import os
import subprocess
import tempfile

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("dists", nargs=2)
parser.add_argument("--rounds", type=int, default=15)
parser.add_argument("--new", choices=["moving", "checks"])
options = parser.parse_args()
source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "paired.c")

with tempfile.TemporaryDirectory() as folder:
    commands = []
    for i, dist in enumerate(map(os.path.abspath, options.dists)):
        program = f"{folder}/paired{i}"
        subprocess.run(["cc", "-O2", f"-I{dist}/include", source, "-o", program, f"-L{dist}/lib", "-lwrt", "-ldl",
                        f"-Wl,-rpath,{dist}/lib"], check=True)
        commands.append([program] + ([options.new] if i and options.new else []))
    times = collections.defaultdict(lambda: ([], []))
    for _ in range(options.rounds):
        for i, command in enumerate(commands):
            for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
                name, nanoseconds = line.split()
                times[name][i].append(float(nanoseconds))
print(f"{'operation':18}{'old, ns':>12}{'new, ns':>12}{'ratio':>8}")
for name, (old, new) in times.items():
    print(f"{name:18}{min(old):12.1f}{min(new):12.1f}{min(new) / min(old):8.2f}")
