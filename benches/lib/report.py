"""Results as Markdown."""
import statistics

from .rounds import median, ratios


def number(value):
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def ratio(value):
    if value is None:
        return "n/a"
    return f"{value:.2g}" if 0 < value < 0.01 else f"{value:.3f}" if value < 1 else f"{value:.3g}"


def cell(values, wanted):
    if not values:
        return "n/a"
    middle = median(values)
    spread = f" ({ratio(min(values))} to {ratio(max(values))})" if len(values) > 1 else ""
    return ratio(middle) + spread + (f", {'met' if middle <= wanted else 'missed'}: ≤ {wanted}" if wanted is not None else "")


def table(it, rounds=None):
    """A row for each line: the engines' medians, the ratios' medians with minimum and maximum, and the extra columns. `rounds` is the
    group's number of rounds; a table with more says so in its title."""
    count = max(len(line["rounds"]) for line in it.lines)
    title = f"{it.title} ({count} rounds)" if rounds and count > rounds else it.title
    engines = list(dict.fromkeys(engine for line in it.lines for row in line["rounds"] for engine in row))
    extra = list(dict.fromkeys(name for line in it.lines for name in line["extra"]))
    head = [f"{it.unit}", *engines, *it.ratios, *extra]
    out = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    of_all = {name: [] for name in it.ratios}
    for line in it.lines:
        cells = [number(median(row.get(engine) for row in line["rounds"])) for engine in engines]
        for name, (subject, others) in it.ratios.items():
            values = ratios(line["rounds"], subject, others)
            cells.append(cell(values, line["wanted"].get(name)))
            of_all[name] += [median(values)] if values else []
        cells += [line["extra"].get(name, "") for name in extra]
        out.append(f"| {line['name']} | " + " | ".join(cells) + " |")
    if it.mean and len(it.lines) > 1:
        means = [ratio(statistics.geometric_mean(v) if v else None) for v in of_all.values()]
        out.append("| geometric mean |" + " |" * len(engines) + " " + " | ".join(means) + " |" + " |" * len(extra))
    return "\n".join(out + [""] + [f"* {note}" for note in it.notes] + ([""] if it.notes else []))


def group(it, tables):
    rounds = f"{it['rounds']} round" + ("s" if it["rounds"] > 1 else "")
    head = f"## {it['title']}\n\n{it['about']}\n\n{it['when']}, {it['wrt']}, {rounds}, machine load {it['load'][0]} before and {it['load'][1]} after.\n"
    return "\n".join([head, *(table(t, it["rounds"]) for t in tables)])
