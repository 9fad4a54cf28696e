"""Writes docs/accuracy.md and its pictures: `python -m benchmarks.accuracy.page`.

From what `python -m models.training.evaluate models/experiments/accuracy.toml` has scored, and from `finescale field`
on the demo cycle. No number on the page is typed by hand; methods that have not been scored are named and left out.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path

from benchmarks.accuracy import figures, tables, test_box
from benchmarks.accuracy.results import ABLATION, EQUAL, SHIPPED, WHOLE, Results, label
from models.training.evaluate import BLOCK, RAIN_THRESHOLD, RAIN_WINDOW
from models.training.scenes import EDGE
from tasks.downscale.packages import open_package
from tasks.errors import ModelMismatch
from tasks.present import display
from tasks.version import VERSION

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "models" / "experiments" / "accuracy.toml"
COMMAND = "python -m models.training.evaluate models/experiments/accuracy.toml"
SETS = {  # grid, what
    "hres-test": "0.1° | HRES forecast of 2021-12-10 12 UTC + 8 h, 20–40N 100–125E: one time of one day. The box and 2 "
    "degrees around it were not in training, the rest of the same forecast was",
    "era5-china": "0.25° | ERA5 of eastern China, 27–35N 114–123E, 10 times 5 hours apart from 2026-05-30 00 UTC. "
    "Place and times were not in training",
    "era5-uk": "0.25° | ERA5 of the British Isles, 50–58N 10W–2E, 24 times 31 hours apart in March 2019. Place "
    "and times were not in training",
    "ifs-t2m": "0.25° | IFS forecast of 2025-01-15 00 UTC + 24 h, 15–55N 75–135E. The time was not in training",
    "ifs-scda": "0.25° | IFS forecast of 2025-01-15 18 UTC + 24 h, same place. The time was not in training",
    "ifs-tp": "0.25° | IFS rain of the 24 hours from 2026-07-16 12 UTC, same place. The time was not in training",
}

INTRO = """# Accuracy

Written by `python -m benchmarks.accuracy.page` from the results of
`{command}`; do not edit.
Complete numbers, one JSON a method: [results]({link}).

{missing}## What was measured

{sets}
Points and blocks are those of one variable at the first scale.

A fine field is made coarse, every method makes it fine again, and the result is compared with the original. *Clean*:
cells are plain area means. *Degraded*: blur, resizing, noise and a lighter blur come before the mean, light noise
after it (`models/training/degradation.py`), the same for every method. Beyond a box its edge is repeated for {edge}
input cells.
ERA5 holds little at the scale of its own 0.25 degree grid, so x2 is easier there than on HRES.

- *finescale* is the shipped package. *finescale, equal* is the same network, trained as its peers were: same data,
  steps and queries. Peers are compared with the latter.
- Peers, *equal*: the architecture inside our framing, that is interpolation skip, static fields and their regression,
  cell means restored. Peers, *published*: as the paper trains it, that is bicubic degradation, mean absolute error, no
  static fields, nothing restored; so much of what is gained over them is terrain. All have the same size of encoder
  and number of steps, far fewer than in the papers.
{limits}- *Terrain regression* has two coefficients a variable, *5x5 regression* is linear in the 5 x 5 cells around
  and in terrain; both are fitted to the training data in closed form, for one scale at a time.
- PSNR: the range is maximum minus minimum of the variable over the training set, the squared error is pooled over the
  test set. Differences of PSNR do not depend on the range.
- Intervals: 95 %, paired block bootstrap. A block is {block} x {block} grid points of one time: 4 degrees on the 0.1
  degree grid. The ERA5 boxes are smaller than a block, so there times are resampled, and those of era5-china are so
  close in time that its intervals are too narrow. No interval says how another day or another training run would
  come out.

"""

HEADLINE = """## Against other networks at x2

PSNR of *{ours}* minus that of the best peer at x2, in dB, with its 95 % interval; positive is better. The best peer is
the one of lowest RMSE for the set and variable, chosen on the test data itself, and is named. Goals are {fixed:g} dB
over fixed-ratio and {arbitrary:g} dB over arbitrary-ratio methods: ✓ reached, ✗ not (before rounding).

Clean:

{clean}
Degraded:

{degraded}
"""

RMSE = """## RMSE at all scales

RMSE of *{ours}* over the lowest of the four methods without a network (bicubic, back-projection, terrain regression,
5x5 regression), chosen case by case. Below 1 ours is the best; **bold**: it is not.

Clean:

{clean}
Degraded:

{degraded}
{not_lowest}
The numbers behind, in K, m/s, Pa and mm; **bold** where ours is not the lowest:

"""

EVERY = """## Every method on hres-test

RMSE, clean; the lowest in bold. Networks of fixed ratio stand in the table of their ratio only.

x2:

{x2}
x4:

{x4}
How they were trained:

{trained}
All measures by variable, clean; the best in bold. *RMSE/std*: over the standard deviation of the truth. *Bias*: 0
where below 0.05 % of the RMSE; restored cell means leave none, but for rain. *Spectral distance*: RMS over
wavenumbers of the ratio of power spectra in dB. *Quantile error*: quantile of the method minus that of the truth.
*FSS*: fractions skill score for {threshold:g} mm in {window} x {window} points. *Re-coarsening*: RMS difference between
the method's own cell means and the input, before they are restored.

"""

ABLATED = """RMSE without one part over that of the whole network of the same seed and steps (shorter runs than the
comparison's: *full* in the table above), averaged over seeds, on hres-test; above 1 the part helps. The last row, if
there, is how much two seeds of the whole network differ by themselves.

"""

SPECTRA = """Power spectra at x4, clean, hres-test: power by wavelength, and the same over the truth's. Below 1 a field
is too smooth, above 1 too rough. Dotted: the shortest wave that the input can hold. Of the peers, the best of fixed and
the best of arbitrary ratio."""

CURVES = """RMSE over that of back-projection by scale, clean, hres-test. Above 1 a method is worse than
back-projection; what lies above {top:g} is cut off. Dashed or hollow: as published; thick and dashed: ours as trained
for the comparison. A panel that goes far below 1 has a logarithmic axis."""

LIMITS = """\
- Plain bicubic and *published* stay as they come, but for rain below zero, which is cut. All others are held to
  physical limits: cell means as in the input, rain never negative, dew point at most the temperature.{now}{before}
"""

NOW = " {methods}\n  were held by the code that products go through, `models/limits.py`."

BEFORE = """ {methods}
  were scored earlier, within an older form of it: cell means restored once, then rain cut at zero, dew points left
  alone."""

KEPT = "Drawn from an earlier evaluation, whose fields are not here."

PRODUCT = """## The product on the demo cycle

{body}
"""

DEMO = """`finescale field` over 20–40N 100–125E (all 201 x 251 points) of the forecast of hres-test: 0.25 degree area
means in, with what lies around the box, 0.1 degree out (scale 2.5). RMSE against the forecast itself. `ratio` is
finescale over the better of the other two; below 1 is better.

{table}
Model {package.model_id}, sha-256 {package.digest:.16}, {package.metadata[parameters]} parameters; finescale {version}.
Plain bicubic evaluates Keys' kernel at the points; back-projected bicubic conserves cell means exactly. Neither knows
terrain."""


def intro(results: Results, link: str) -> str:
    """What was measured, on what, and how."""
    rows = []
    for name in results.sets():
        case = next(c for c in results.cases() if c.set == name)
        counts = next(r[case] for r in results.records.values() if case in r)["block_counts"]
        grid, _, what = SETS.get(name, f"{tables.NONE} | {tables.NONE}").partition(" | ")
        rows.append([name, grid, what, " ".join(results.variables(name)), str(sum(counts)), str(len(counts))])
    missing = [n for n in results.missing if not n.startswith(ABLATION)]
    return INTRO.format(
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
    return LIMITS.format(
        now=NOW.format(methods=enumerated(held)) if held else "",
        before=BEFORE.format(methods=enumerated(before)) if before else "",
    )


def enumerated(names: list[str]) -> str:
    """A, b and c, as a sentence begins."""
    names = [f"*{n}*" for n in names]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def headline_section(results: Results) -> str:
    """Ours against peers."""
    return HEADLINE.format(
        ours=label(results.equal),
        fixed=tables.GOALS[True],
        arbitrary=tables.GOALS[False],
        clean=tables.headline(results, degraded=False),
        degraded=tables.headline(results, degraded=True),
    )


def rmse_section(results: Results) -> str:
    """Ours and the four without a network at all scales."""
    text = RMSE.format(
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
    text = EVERY.format(
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
        text += ABLATED
        for scale in (tables.X2, tables.X4):
            for degraded, title in ((False, "clean"), (True, "degraded")):
                text += f"{tables.scale_name(scale)}, {title}:\n\n{tables.ablation(results, scale, degraded)}\n"
    return text + (f"Not yet scored: {', '.join(missing)}.\n\n" if missing else "")


def pictures(results: Results, maps: Path, out: Path, suite: Path) -> str:
    """Draws them; returns their section."""
    crop = tomllib.loads(suite.read_text())["maps"]
    found = [(figures.spectra(results, out / "spectra.png"), SPECTRA)]
    for variable in figures.SHOW:
        path = out / f"maps-{variable}.png"
        drawn = figures.maps(results, maps, variable, crop["rows"], crop["cols"], path)
        words = f"{display.of(variable).title.capitalize()} at x4, clean: part of hres-test, one colour scale a row."
        if drawn is None and path.exists():
            drawn, words = path, f"{words} {KEPT}"
        found.append((drawn, words))
    found.append((figures.curves(results, out / "scales.png"), CURVES.format(top=figures.TOP)))
    shown = [f"{words}\n\n![{path.stem}]({out.name}/{path.name})\n\n" for path, words in found if path is not None]
    return "## Pictures\n\n" + ("".join(shown) or "Nothing to draw yet.\n\n")


def product_section(model: str | None) -> str:
    """The demo cycle through `finescale field`: what users get. Left out without a model."""
    if model is None:
        return PRODUCT.format(body="Not run.")
    try:
        package = open_package(model)
    except ModelMismatch as error:
        return PRODUCT.format(body=f"Not run: {error}.")
    table = test_box.table(test_box.scores(model))
    return PRODUCT.format(body=DEMO.format(table=table, package=package, version=VERSION))


def write(results: Results, folder: Path, out: Path, suite: Path, model: str | None) -> Path:
    """Page and pictures under `out`, from the results of `folder`; returns the page's path."""
    text = (
        intro(results, os.path.relpath(folder, out))
        + headline_section(results)
        + rmse_section(results)
        + methods_section(results)
        + ablation_section(results)
        + pictures(results, folder / "maps", out / "accuracy", suite)
        + product_section(model)
    )
    out.mkdir(parents=True, exist_ok=True)
    path = out / "accuracy.md"
    path.write_text(text)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "accuracy")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of accuracy.md")
    parser.add_argument("--suite", type=Path, default=SUITE, help="names the methods that should be there")
    parser.add_argument("--model", default=SHIPPED, help="package for the demo cycle")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo cycle out")
    args = parser.parse_args()
    results = Results.read(args.results, args.suite)
    if not {EQUAL, SHIPPED} & set(results.methods):
        parser.error(f"{args.results} has neither {EQUAL}.json nor {SHIPPED}.json; run {COMMAND} first")
    if "unknown" in VERSION and not args.no_demo:
        parser.error("finescale is not installed, so its version is unknown; use `make accuracy`, or --no-demo")
    print(write(results, args.results, args.out, args.suite, None if args.no_demo else args.model))


if __name__ == "__main__":
    main()
