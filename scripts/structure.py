#!/usr/bin/env python3
"""usage: structure.py [REVISION...]

Prints figures about the structure of the sources: of each git revision named, or of the work tree. One column each.
"""
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Shorter repetitions are signatures and imports.
RUN = 8


def sources(revision):
    """Path and text of every Rust file below src/, of a revision or of the work tree."""
    if revision is None:
        for folder, _, names in os.walk(os.path.join(ROOT, "src")):
            for name in sorted(names):
                if name.endswith(".rs"):
                    path = os.path.join(folder, name)
                    yield os.path.relpath(path, ROOT), open(path, encoding="utf-8").read()
        return
    git = lambda *words: subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True, text=True).stdout
    for path in git("ls-tree", "-r", "--name-only", revision, "src").split():
        if path.endswith(".rs"):
            yield path, git("show", f"{revision}:{path}")


def without_tests(text):
    return re.split(r"^#\[cfg\(test\)\]\nmod tests", text, flags=re.M)[0]


def code(text):
    return re.sub(r"//[^\n]*", "", text)


def module_of(path):
    parts = path[len("src/"):-len(".rs")].split("/")
    return tuple(parts[:-1] if parts[-1] in ("mod", "lib") else parts)


def imports(path, text, modules):
    """The modules that a file names by paths from the crate, from its parent, or from itself."""
    own = module_of(path)
    is_root = path.endswith(("/mod.rs", "/lib.rs"))
    # Groups become single paths: a::{b, c} is a::b and a::c.
    text = re.sub(r"\s+", " ", code(without_tests(text)))
    found = set()
    for start in re.finditer(r"(?<![\w$:])(crate|super|self)(::super)*::", text):
        for words in expand(text[start.start():start.start() + 2000]):
            base = list(own)
            if words[0] == "crate":
                base = []
            elif words[0] == "super" and not is_root:
                base = base[:-1]
            rest = words[1:] if words[0] in ("crate", "self") else words
            while rest and rest[0] == "super":
                base, rest = (base[:-1] if is_root or rest is not words else base), rest[1:]
            target = tuple(base) + tuple(rest)
            while target and target not in modules:
                target = target[:-1]
            if target and target != own:
                found.add(target)
    return found


def expand(text):
    """Paths at the start of a text, with groups multiplied out."""
    head = re.match(r"((?:\w+::)*)(\{)?(\w+)?", text)
    words = [w for w in head.group(1).split("::") if w]
    if not head.group(2):
        return [words + [head.group(3)]] if head.group(3) else [words]
    depth, item, items = 0, "", []
    for c in text[head.start(2):]:
        if c == "{":
            depth += 1
            if depth == 1:
                continue
        if c == "}":
            depth -= 1
            if depth == 0:
                items.append(item)
                break
        if c == "," and depth == 1:
            items.append(item)
            item = ""
        else:
            item += c
    return [words + path for i in items if i.strip() for path in expand(i.strip())]


def largest_cycle(edges):
    """The largest set of modules that all import each other, directly or not (Tarjan)."""
    index, low, stack, on_stack, best, counter = {}, {}, [], set(), [], [0]

    def visit(v):
        index[v] = low[v] = counter[0]
        counter[0] += 1
        stack.append(v)
        on_stack.add(v)
        for w in edges.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on_stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            component = []
            while True:
                w = stack.pop()
                on_stack.discard(w)
                component.append(w)
                if w == v:
                    break
            if len(component) > len(best):
                best[:] = component

    sys.setrecursionlimit(10000)
    for v in list(edges):
        if v not in index:
            visit(v)
    return best


def repeated_runs(files):
    """How many runs of at least RUN equal lines stand in two places."""
    places = collections.defaultdict(list)
    lines = {p: [l.strip() for l in code(without_tests(t)).splitlines() if l.strip() not in ("", "}", "{")] for p, t in files}
    for path, all_lines in lines.items():
        for i in range(len(all_lines) - RUN + 1):
            places["\n".join(all_lines[i:i + RUN])].append((path, i))
    pairs = set()
    for where in places.values():
        for a in range(len(where)):
            for b in range(a + 1, len(where)):
                # Of one run only its first window.
                pairs.add((where[a], where[b]))
    starts = [(a, b) for a, b in pairs if ((a[0], a[1] - 1), (b[0], b[1] - 1)) not in pairs]
    return len(starts)


def safety(files):
    """SAFETY comments outside of capi/, and how many of them cite an invariant by its number."""
    total = cited = 0
    for path, text in files:
        if path.startswith("src/capi/"):
            continue
        for comment in re.finditer(r"// SAFETY:[^\n]*(?:\n\s*//[^\n]*)*", text):
            total += 1
            cited += bool(re.search(r"invariants? [ES]?\d", comment.group()))
    return total, cited


def functions_longer_than(files, most):
    count = 0
    for _, text in files:
        start = None
        for i, line in enumerate(text.splitlines()):
            opening = re.match(r"( *)(?:pub(?:\([^)]*\))? )?(?:const )?(?:unsafe )?(?:extern \"C\" )?fn \w", line)
            if opening:
                start, indent = i, opening.group(1)
            elif start is not None and line == indent + "}":
                count += i - start + 1 > most
                start = None
    return count


def report(revision):
    files = list(sources(revision))
    modules = {module_of(p) for p, _ in files}
    edges = {module_of(p): imports(p, t, modules) for p, t in files}
    rows = {"files": len(files), "lines": sum(t.count("\n") for _, t in files)}
    rows["largest file, lines"] = max(t.count("\n") for _, t in files)
    rows["functions of more than 70 lines"] = functions_longer_than(files, 70)
    for folder in sorted({m[0] for m in modules if len(m) > 1}):
        inside = {m: {t for t in ts if t[0] == folder and len(t) > 1} for m, ts in edges.items() if m and m[0] == folder and len(m) > 1}
        size = len(largest_cycle(inside))
        rows[f"largest import cycle in {folder}/"] = size if size > 1 else 0
    total, cited = safety(files)
    rows["SAFETY comments outside capi/"] = total
    rows["… that cite an invariant, percent"] = round(100 * cited / max(total, 1))
    rows[f"runs of {RUN} equal lines"] = repeated_runs(files)
    return rows


def main():
    revisions = sys.argv[1:] or [None]
    columns = [report(r) for r in revisions]
    names = list(dict.fromkeys(name for column in columns for name in column))
    print(f"{'':44}" + "".join(f"{r or 'work tree':>14}" for r in revisions))
    for name in names:
        print(f"{name:44}" + "".join(f"{column.get(name, '-'):>14}" for column in columns))


main()
