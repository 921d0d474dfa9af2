"""Runs processes in alternating rounds, and evaluates their figures.

A round measures each engine once, one after the other, so that a slow phase of the machine affects all of them. The first engine changes
from round to round. Only ratios within a round count; the figure is their median, with minimum and maximum as the range.
"""
import json, os, statistics, subprocess, sys

TIMEOUT = 600
# The measurements in which wrt failed. The run continues, and fails at the end.
failures = []


class Failed(Exception):
    """Why a process returned no result."""


def process(command, extra=None, **kw):
    """Runs a process; returns the last line that it prints, which is JSON. `extra`: additional environment variables."""
    try:
        environment = dict(os.environ, NO_COLOR="1", **(extra or {}))
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, **{"env": environment, **kw})
    except subprocess.TimeoutExpired:
        raise Failed(f"more than {TIMEOUT} s")
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1].strip()[:120])
    return json.loads(done.stdout.strip().splitlines()[-1])


def alternate(count, measures, notes, name):
    """Runs `count` rounds. Returns for each the value of every function in `measures`, by engine; None if it fails, with the reason in
    `notes`. If values have a `result`, all must have the same."""
    rounds = []
    for i in range(count):
        row, engines = {}, list(measures)
        for engine in engines[i % len(engines):] + engines[:i % len(engines)]:
            if sys.stderr.isatty():
                print(f"\r\033[K{name}: {engine}, round {i + 1} of {count}", end="\r", file=sys.stderr, flush=True)
            try:
                row[engine] = measures[engine]()
            except Failed as why:
                row[engine] = None
                for told in [notes] + [failures] * engine.startswith("wrt"):
                    if (note := f"{name}, {engine}: {why}") not in told:
                        told.append(note)
        results = {engine: got["result"] for engine, got in row.items() if isinstance(got, dict) and got.get("result") is not None}
        if len(set(results.values())) > 1:
            sys.exit(f"{name}: the engines' results differ: {results}")
        rounds.append({engine: row[engine] for engine in engines})
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return rounds


def pick(rounds, of):
    """Applies `of` to each value; returns a number by engine for each round."""
    return [{engine: None if got is None else of(got) for engine, got in row.items()} for row in rounds]


def peaks(rounds, engines):
    """An additional column: the peak resident sizes of the engines' processes, in MiB."""
    most = {e: max((row[e]["peak_kib"] / 1024 for row in rounds if row[e]), default=0) for e in engines}
    return {"peak MiB: " + ", ".join(most): ", ".join(f"{mib:.1f}" for mib in most.values())}


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def ratios(rounds, subject, others):
    """The subject over the best of the others, for each round that has both."""
    pairs = [(row.get(subject), [row[o] for o in others if row.get(o)]) for row in rounds]
    return [value / min(best) for value, best in pairs if value is not None and best]


class Table:
    """Lines of figures of several engines. `ratios`: name, the engine that is divided, and the engines to divide by (if several, by the
    fastest in a round). `chart`: the ratios that are drawn, and the peer whose mark they have."""

    def __init__(self, title, unit, ratios=None, chart=None, mean=False):
        self.title, self.unit, self.ratios, self.mean = title, unit, ratios or {}, mean
        self.chart = {name: name.rsplit("/ ", 1)[-1] for name in self.ratios} if chart is None else chart
        self.lines, self.notes = [], []

    def add(self, name, rounds, wanted=None, **extra):
        """`rounds`: numbers by engine; `wanted`: targets that ratios should not exceed; `extra`: additional columns, as text."""
        self.lines.append(dict(name=name, rounds=rounds, wanted=wanted or {}, extra=extra))

    def data(self):
        return dict(vars(self))


def of_data(data):
    table = Table(data["title"], data["unit"])
    vars(table).update(data)
    return table
