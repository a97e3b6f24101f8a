"""Boots in turn, and what is told of them: a table of the medians, and in a folder NAME.json with every boot and NAME.svg
with the medians side by side."""

import json
from html import escape
from pathlib import Path
from statistics import median

from .common import MANGROVE, make, run, say
from .images import kernel
from .machine import accelerator

WIDTH, LABEL, BAR, GAP = 720, 190, 18, 26
COLOURS = ("#9aa0a6", "#1b7f5c", "#6fb98f", "#355070", "#b56576", "#e9a15b")


def show(figure, value):
    if "bytes" in figure:
        return f"{value / 1e6:.2f} MB"
    return f"{value:.2f}" if "seconds" in figure else f"{value:,.0f}"


def numbers(figures):
    return {name: value for name, value in figures.items() if not isinstance(value, list)}


def in_turn(contestants, rounds, measure):
    """The boots of each contestant (name: case). One boot of each comes after the other, so that what slows the machine
    down meets all of them."""
    boots = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, case in contestants.items():
            boots[name].append(measure(case))
            say(f"round {number} of {rounds}, {name}: "
                + ", ".join(f"{figure} {show(figure, value)}" for figure, value in numbers(boots[name][-1]).items()))
    return boots


def medians_of(boots):
    return {name: {figure: median(boot[figure] for boot in each) for figure in numbers(each[0])}
            for name, each in boots.items()}


def tell(name, options, boots, ratios=None):
    """The end of every bench. The table is as Markdown has it, for the README; `ratios` makes them of the medians."""
    medians = medians_of(boots)
    ratios = ratios(medians) if ratios else {}
    if options.output:
        write_results(options.output, name, options.rounds, boots, medians, ratios)
    print(f"medians of {options.rounds} boots")
    print(f"| figure | {' | '.join(medians)} |\n|---|{'---|' * len(medians)}")
    for figure in next(iter(medians.values())):
        print(f"| {figure} | {' | '.join(show(figure, each[figure]) for each in medians.values())} |")
    for ratio, value in ratios.items():
        print(f"{ratio}={value:.3f}")
    return 0


def write_results(folder, name, rounds, boots, medians, ratios):
    folder = make(Path(folder))
    result = {"bench": name, "rounds": rounds, "accelerator": accelerator(), "kernel": kernel()[1],
              "program_sha256": run("sha256sum", MANGROVE).split()[0],
              "boots": boots, "medians": medians, "ratios": ratios}
    (folder / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / f"{name}.svg").write_text(chart(f"{name}: medians of {rounds} boots", medians))


def picture(title, height, lines):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
                      'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
                      f'<text x="10" y="20" font-size="14">{title}</text>', *lines, "</svg>"]) + "\n"


def timeline(title, steps):
    """The steps of a report, each where and as long as it was, those that it had indented."""
    scale = (WIDTH - 300) / max(step["start"] + step["seconds"] for step in steps)
    lines = []
    for number, step in enumerate(steps):
        y = 44 + number * BAR
        lines += [f'<text x="{10 + 10 * step["depth"]}" y="{y}">{escape(step["name"])}</text>',
                  f'<rect x="{250 + scale * step["start"]:.1f}" y="{y - 11}" '
                  f'width="{max(scale * step["seconds"], 1):.1f}" height="13" fill="{COLOURS[1 + step["depth"] % 2]}"/>',
                  f'<text x="{254 + scale * (step["start"] + step["seconds"]):.1f}" y="{y}">{step["seconds"]:.3f}</text>']
    return picture(title, 44 + len(steps) * BAR, lines)


def chart(title, medians):
    """One group of bars a figure, each as long as its share of the largest."""
    figures = list(next(iter(medians.values())))
    height = 40 + len(figures) * (BAR * len(medians) + GAP)
    lines = []
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
    return picture(title, height, lines)
