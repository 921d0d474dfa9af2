"""Results as a chart: ratios on a logarithmic axis, a bar from the minimum to the maximum, a line at 1. Plain SVG, no libraries."""
import math
from xml.sax.saxutils import escape

from .rounds import median, ratios

WIDTH, LEFT, RIGHT, STEP, ROW = 960, 330, 880, 11, 7
LEAST, MOST = 0.01, 30
TICKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
# Peer: its class, and its mark, which tells the peers apart without colors.
PEERS = {"Wasmtime": ("a", "circle"), "V8": ("b", "square"), "Wasmtime's copying collector": ("c", "diamond"), "Wasmtime, saved": ("d", "ring"),
         "Wasmtime, Winch": ("f", "square ring"), "wrt, eager": ("e", "bar")}
STYLE = """svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#1f2328}.small{font-size:10px}.pale{fill:#59636e}.head{font-weight:600;font-size:14px}
.sub{font-weight:600;fill:#59636e}.grid{stroke:#d1d9e0}.one{stroke:#1f2328;stroke-width:1.5}.back{fill:#fff}.spread{stroke-width:3;stroke-opacity:.35}
.a{fill:#0969da;stroke:#0969da}.b{fill:#bc4c00;stroke:#bc4c00}.c{fill:#1a7f37;stroke:#1a7f37}.d{fill:#8250df;stroke:#8250df}.e{fill:#59636e;stroke:#59636e}.f{fill:#cf222e;stroke:#cf222e}
text.a,text.b,text.c,text.d,text.e,text.f{stroke:none}.hollow{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.pale,.sub{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#e6edf3}.back{fill:#0d1117}
.a{fill:#4493f8;stroke:#4493f8}.b{fill:#f0883e;stroke:#f0883e}.c{fill:#3fb950;stroke:#3fb950}.d{fill:#ab7df8;stroke:#ab7df8}.e{fill:#9198a1;stroke:#9198a1}.f{fill:#ff7b72;stroke:#ff7b72}.hollow{fill:none}}"""


def x_of(value):
    share = math.log(min(max(value, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * (RIGHT - LEFT)


def text(x, y, content, cls="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{cls}" text-anchor="{anchor}">{escape(str(content))}</text>'


def mark(peer, x, y):
    cls, shape = PEERS[peer]
    if shape.startswith("square"):
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" class="{cls}{" hollow" if "ring" in shape else ""}"/>'
    if shape == "diamond":
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z" class="{cls}"/>'
    if shape == "bar":
        return f'<rect x="{x - 1.5:.1f}" y="{y - 4.5:.1f}" width="3" height="9" class="{cls}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3.5 if shape == "ring" else 4}" class="{cls}{" hollow" if shape == "ring" else ""}"/>'


def figure(peer, values, y):
    """One ratio: spread, mark and number. A value beyond the axis is drawn at its end; the number is exact."""
    middle, cls = median(values), PEERS[peer][0]
    bar = f'<line x1="{x_of(min(values)):.1f}" x2="{x_of(max(values)):.1f}" y1="{y:.1f}" y2="{y:.1f}" class="spread {cls}"/>'
    return bar + mark(peer, x_of(middle), y) + text(WIDTH - 12, y + 4, f"{middle:.2g}" if middle < 0.1 else f"{middle:.2f}", "small " + cls, "end")


def grid(top, bottom):
    lines = [f'<line x1="{x_of(t):.1f}" x2="{x_of(t):.1f}" y1="{top}" y2="{bottom:.0f}" class="{"one" if t == 1 else "grid"}"/>' for t in TICKS]
    return lines + [text(x_of(t), y, f"{t:g}", "small pale", "middle") for t in TICKS for y in (top - 6, bottom + 14)]


def legend(peers, y):
    out, x = [], 20
    for peer in peers:
        out += [mark(peer, x, y - 4), text(x + 9, y, peer)]
        x += 30 + 7 * len(peer)
    return out


def svg(groups, tables, versions):
    body, used, top, y = [], [], 104, 104
    for group, of_group in zip(groups, tables):
        drawn = [t for t in of_group if t.chart and any(ratios(l["rounds"], *t.ratios[r]) for l in t.lines for r in t.chart)]
        if drawn:
            y += 26
            body.append(text(14, y, group["title"], "head"))
        for table in drawn:
            y += 19
            body.append(text(14, y, table.title, "sub"))
            y += 4
            for line in table.lines:
                found = [(peer, ratios(line["rounds"], *table.ratios[name])) for name, peer in table.chart.items()]
                found = [(peer, values) for peer, values in found if values]
                if not found:
                    continue
                body.append(text(LEFT - 14, y + STEP * (len(found) + 1) / 2 + 4, line["name"], "", "end"))
                for peer, values in found:
                    y += STEP
                    body.append(figure(peer, values, y))
                    used += [peer] if peer not in used else []
                y += ROW
    y += 8
    title = [text(14, 24, "wrt's time over the peers' times", "head"), text(14, 42, "below 1, wrt is faster; medians of the ratios within a round, bars from the minimum to the maximum", "pale"),
             text(14, 58, versions, "small pale")]
    parts = [f'<rect width="{WIDTH}" height="{y + 26:.0f}" class="back"/>', *title, *legend([p for p in PEERS if p in used], 74), *grid(top, y), *body]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 26:.0f}" width="{WIDTH}" height="{y + 26:.0f}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
