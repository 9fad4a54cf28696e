"""Writes docs/accuracy/networks.md and its pictures: `python -m benchmarks.accuracy.page`.

From what `python -m models.training.evaluate models/experiments/accuracy.toml` has scored. No number on the page is
typed by hand; methods that have not been scored are named and left out.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path

from benchmarks.accuracy import figures, prose, tables
from benchmarks.accuracy.results import ABLATION, EQUAL, SHIPPED, WHOLE, Results, label
from models.training.evaluate import BLOCK, RAIN_THRESHOLD, RAIN_WINDOW
from models.training.scenes import EDGE
from tasks.present import display

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "models" / "experiments" / "accuracy.toml"
COMMAND = "python -m models.training.evaluate models/experiments/accuracy.toml"


def intro(results: Results, link: str) -> str:
    """What was measured, on what, and how."""
    rows = []
    for name in results.sets():
        case = next(c for c in results.cases() if c.set == name)
        counts = next(r[case] for r in results.records.values() if case in r)["block_counts"]
        grid, _, what = prose.SETS.get(name, f"{tables.NONE} | {tables.NONE}").partition(" | ")
        rows.append([name, grid, what, " ".join(results.variables(name)), str(sum(counts)), str(len(counts))])
    missing = [n for n in results.missing if not n.startswith(ABLATION)]
    return prose.INTRO.format(
        command=COMMAND,
        link=link,
        missing=f"Not yet scored: {', '.join(missing)}.\n\n" if missing else "",
        sets=tables.markdown(["set", "grid", "what", "variables", "points", "blocks"], rows, left=4),
        edge=EDGE,
        block=BLOCK,
        limits=limits_words(results),
    )


def limits_words(results: Results) -> str:
    """Which methods were scored within the limits of products, and which within an older form of them."""
    names = lambda methods: [label(n) for n in results.compared if n in methods]  # noqa: E731
    held, before = names(results.held), names(results.held_before)
    if any(n.startswith(ABLATION) for n in results.held_before):
        before.append("ablations")
    return prose.LIMITS.format(
        now=prose.NOW.format(methods=enumerated(held)) if held else "",
        before=prose.BEFORE.format(methods=enumerated(before)) if before else "",
    )


def enumerated(names: list[str]) -> str:
    """A, b and c, as a sentence begins."""
    names = [f"*{n}*" for n in names]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def headline_section(results: Results) -> str:
    """Ours against peers."""
    return prose.HEADLINE.format(
        ours=label(results.equal),
        fixed=tables.GOALS[True],
        arbitrary=tables.GOALS[False],
        clean=tables.headline(results, degraded=False),
        degraded=tables.headline(results, degraded=True),
    )


def rmse_section(results: Results) -> str:
    """Ours and the four without a network at all scales."""
    text = prose.RMSE.format(
        ours=label(results.product),
        clean=tables.ratios(results, degraded=False),
        degraded=tables.ratios(results, degraded=True),
        not_lowest=tables.not_lowest(results),
    )
    for dataset in results.sets():
        for degraded, title in ((False, "clean"), (True, "degraded")):
            text += tables.folded(f"{dataset}, {title}", tables.all_scales(results, dataset, degraded)) + "\n"
    return text


def methods_section(results: Results) -> str:
    """Every method on the test box."""
    text = prose.EVERY.format(
        x2=tables.every_method(results, tables.X2),
        x4=tables.every_method(results, tables.X4),
        trained=tables.trained(results),
        threshold=1000 * RAIN_THRESHOLD,
        window=RAIN_WINDOW,
    )
    for variable in results.variables(tables.FINE):
        parts = [(tables.scale_name(s), tables.every_measure(results, variable, s)) for s in (tables.X2, tables.X4)]
        body = "\n".join(f"{scale}:\n\n{table}" for scale, table in parts)
        text += tables.folded(f"{variable}: {display.of(variable).title}", body) + "\n"
    return text


def ablation_section(results: Results) -> str:
    """What each part of the network is worth."""
    missing = [n for n in results.missing if n.startswith(ABLATION)]
    text = "## Ablation\n\n"
    if tables.ablation_parts(results) and WHOLE in results.methods:
        text += prose.ABLATED
        for scale in (tables.X2, tables.X4):
            for degraded, title in ((False, "clean"), (True, "degraded")):
                text += f"{tables.scale_name(scale)}, {title}:\n\n{tables.ablation(results, scale, degraded)}\n"
    return text + (f"Not yet scored: {', '.join(missing)}.\n\n" if missing else "")


def pictures(results: Results, maps: Path, out: Path, suite: Path) -> str:
    """Draws them; returns their section."""
    crop = tomllib.loads(suite.read_text())["maps"]
    found = [(figures.spectra(results, out / "spectra.png"), prose.SPECTRA)]
    for variable in figures.SHOW:
        path = out / f"maps-{variable}.png"
        drawn = figures.maps(results, maps, variable, crop["rows"], crop["cols"], path)
        words = f"{display.of(variable).title.capitalize()} at x4, clean: part of hres-test, one colour scale a row."
        if drawn is None and path.exists():
            drawn, words = path, f"{words} {prose.KEPT}"
        found.append((drawn, words))
    found.append((figures.curves(results, out / "scales.png"), prose.CURVES.format(top=figures.TOP)))
    shown = [f"{words}\n\n![{path.stem}]({path.name})\n\n" for path, words in found if path is not None]
    return "## Pictures\n\n" + ("".join(shown) or "Nothing to draw yet.\n\n")


def write(results: Results, folder: Path, out: Path, suite: Path) -> Path:
    """Page and pictures under `out`, from the results of `folder`; returns the page's path."""
    text = (
        intro(results, os.path.relpath(folder, out))
        + headline_section(results)
        + rmse_section(results)
        + methods_section(results)
        + ablation_section(results)
        + pictures(results, folder / "maps", out, suite)
    )
    out.mkdir(parents=True, exist_ok=True)
    path = out / "networks.md"
    path.write_text(text)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "accuracy")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accuracy", help="folder of networks.md")
    parser.add_argument("--suite", type=Path, default=SUITE, help="names the methods that should be there")
    args = parser.parse_args()
    results = Results.read(args.results, args.suite)
    if not {EQUAL, SHIPPED} & set(results.methods):
        parser.error(f"{args.results} has neither {EQUAL}.json nor {SHIPPED}.json; run {COMMAND} first")
    print(write(results, args.results, args.out, args.suite))


if __name__ == "__main__":
    main()
