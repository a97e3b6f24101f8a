"""What a bench leaves in a folder: NAME.json with every boot, and NAME.svg with the medians side by side."""

import json
from pathlib import Path

from .common import MANGROVE, make, run
from .images import kernel
from .machine import accelerator

WIDTH, LABEL, BAR, GAP = 720, 190, 18, 26
COLOURS = ("#9aa0a6", "#1b7f5c", "#6fb98f")


def show(figure, value):
    return f"{value:.2f}" if "seconds" in figure else f"{value:,.0f}"


def write_results(folder, name, options, boots, medians, ratios):
    folder = make(Path(folder))
    result = {"bench": name, "rounds": options.rounds, "accelerator": accelerator(), "kernel": kernel()[1],
              "program_sha256": run("sha256sum", MANGROVE).split()[0],
              "boots": boots, "medians": medians, "ratios": ratios}
    (folder / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / f"{name}.svg").write_text(chart(f"{name}: medians of {options.rounds} boots", medians))


def chart(title, medians):
    """One group of bars a figure, each as long as its share of the largest."""
    figures = list(next(iter(medians.values())))
    height = 40 + len(figures) * (BAR * len(medians) + GAP)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
             'font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="20" font-size="14">{title}</text>']
    y = 44
    for figure in figures:
        lines.append(f'<text x="10" y="{y}" font-weight="bold">{figure}</text>')
        largest = max(each[figure] for each in medians.values()) or 1
        for (name, each), colour in zip(medians.items(), COLOURS):
            y += BAR
            length = (WIDTH - LABEL - 110) * each[figure] / largest
            lines += [f'<text x="10" y="{y}">{name}</text>',
                      f'<rect x="{LABEL}" y="{y - 11}" width="{max(length, 1):.1f}" height="13" fill="{colour}"/>',
                      f'<text x="{LABEL + length + 6:.1f}" y="{y}">{show(figure, each[figure])}</text>']
        y += GAP
    return "\n".join([*lines, "</svg>"]) + "\n"
