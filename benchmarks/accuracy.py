"""Writes docs/accuracy.md and its pictures: `python -m benchmarks.accuracy`.

From what `python -m models.evaluate models/experiments/accuracy.toml` has scored, and from `finescale field` on the demo
cycle. Nothing on the page is typed by hand: methods that have not been scored are named and left out.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path

from benchmarks import accuracy_figures as figures
from benchmarks import accuracy_tables as tables
from benchmarks import test_box
from benchmarks.accuracy_results import EQUAL, SHIPPED, Case, Results, label
from models.evaluate import BLOCK, EDGE, RAIN_THRESHOLD, RAIN_WINDOW
from tasks.downscale.packages import open_package
from tasks.errors import ModelMismatch
from tasks.variables import VARIABLES
from tasks.version import VERSION

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "models" / "experiments" / "accuracy.toml"
COMMAND = "python -m models.evaluate models/experiments/accuracy.toml"
SETS = {
    "hres-test": (
        "0.1°",
        "HRES forecast of 2021-12-10 12 UTC + 8 h, 20–40N 100–125E: one time of one day. The box and 2 degrees around "
        "it were not in training, the rest of the same forecast was",
    ),
    "era5-china": (
        "0.25°",
        "ERA5 of eastern China, 27–35N 114–123E, 10 times 5 hours apart from 2026-05-30 00 UTC. Place and times were "
        "not in training",
    ),
    "era5-uk": (
        "0.25°",
        "ERA5 of the British Isles, 50–58N 10W–2E, 24 times 31 hours apart in March 2019. Place and times were not in "
        "training",
    ),
    "ifs-t2m": ("0.25°", "IFS forecast of 2025-01-15 00 UTC + 24 h, 15–55N 75–135E. The time was not in training"),
    "ifs-scda": ("0.25°", "IFS forecast of 2025-01-15 18 UTC + 24 h, same place. The time was not in training"),
    "ifs-tp": ("0.25°", "IFS rain of 24 hours from 2026-07-16 12 UTC, same place. The time was not in training"),
}


def intro(results: Results, link: str) -> str:
    """What was measured, on what, and how."""
    rows = []
    for name in results.sets():
        grid, what = SETS.get(name, (tables.NONE, tables.NONE))
        variables = results.variables(name)
        case = next(c for c in results.cases() if c.set == name)
        counts = next(r[case] for r in results.records.values() if case in r)["block_counts"]
        rows.append([name, grid, what, " ".join(variables), f"{sum(counts)}", f"{len(counts)}"])
    head = ["set", "grid", "what", "variables", "points", "blocks"]
    missing = f"Not yet scored: {', '.join(results.missing)}.\n\n" if results.missing else ""
    return (
        f"# Accuracy\n\nWritten by `python -m benchmarks.accuracy` from the results of\n`{COMMAND}`; do not edit.\n"
        f"Complete numbers, one JSON a method: [results]({link}).\n\n{missing}"
        f"{tables.markdown(head, rows, left=4)}\n"
        "A fine field is made coarse, every method makes it fine again, and is compared with the original. *Clean*: cells\n"
        "are plain area means. *Degraded*: blur, resizing and noise come before the mean (`models/degradation.py`, second\n"
        f"order), the same for every method. Beyond the box the edge is repeated for {EDGE} input cells. ERA5 holds little\n"
        "at the scale of its 0.25 degree grid, so that x2 is easier there than on HRES. x4 x2 is latitude, then longitude.\n\n"
        "- *finescale* is the shipped package, *finescale, equal* the same network trained as its peers were: same data,\n"
        "  steps and queries. The latter is what peers are compared with.\n"
        "- Peers, *equal*: the architecture inside our framing (interpolation skip, static fields, regression, cell means\n"
        "  restored). Peers, *published*: as the paper trains it (bicubic degradation, mean absolute error, no statics, no\n"
        "  restoring). All at the same size of encoder and number of steps, far fewer than the papers have.\n"
        "- Cell means are restored as in the product for every method except plain bicubic and *published*; rain below zero\n"
        "  is cut for all.\n"
        "- The two regressions are fitted to the training data in closed form, one scale at a time.\n"
        "- PSNR: range is maximum minus minimum of the variable over the training set, squared errors are pooled over the\n"
        "  test set. A difference of PSNR does not depend on the range.\n"
        f"- Intervals: 95 %, paired block bootstrap; a block is {BLOCK} x {BLOCK} grid points (4 degrees on the 0.1 degree grid)\n"
        "  of one time. The ERA5 boxes are smaller than a block: there only times are resampled, and those of era5-china\n"
        "  are so close that its intervals are too narrow. No interval says how another day or another training run would\n"
        "  come out.\n\n"
    )


def headline() -> str:
    """What the two tables after it show."""
    fixed, arbitrary = tables.GOALS[True], tables.GOALS[False]
    return (
        "PSNR of *{ours}* minus that of the best peer at x2, in dB, with its 95 % interval; positive is better. The best\n"
        "peer is the one of lowest RMSE for the set and variable, chosen on the test data, and is named. The goal is\n"
        f"{fixed:g} dB over fixed-ratio and {arbitrary:g} dB over arbitrary-ratio methods: ✓ reached, ✗ not.\n\n"
    )


def rmse_section(results: Results) -> str:
    """Ours and the four without a network at all scales."""
    ours = label(results.product)
    text = (
        f"## RMSE at all scales\n\nRMSE of *{ours}* over the lowest of the four methods without a network (bicubic,\n"
        "back-projection, terrain regression, 5x5 regression), chosen case by case. Below 1 ours is the best; **bold**: it\n"
        "is not.\n\n"
    )
    for degraded, title in ((False, "Clean"), (True, "Degraded")):
        text += f"{title}:\n\n{tables.ratios(results, degraded)}\n"
    text += f"{tables.not_lowest(results)}\nThe numbers behind, in K, m/s, Pa and mm; **bold** where ours is not the lowest:\n\n"
    for dataset in results.sets():
        for degraded in (False, True):
            title = f"{dataset}, {'degraded' if degraded else 'clean'}"
            text += tables.folded(title, tables.all_scales(results, dataset, degraded)) + "\n"
    return text


def methods_section(results: Results) -> str:
    """Every method on the test box."""
    text = "## Every method on hres-test\n\nRMSE, clean; lowest in bold. Fixed-ratio networks are in the table of their ratio only.\n\n"
    for scale in (tables.X2, tables.X4):
        text += f"{tables.scale_name(scale)}:\n\n{tables.every_method(results, scale)}\n"
    parameters = ", ".join(
        f"{label(n)} {results.methods[n]['parameters']}"
        for n in results.compared
        if results.methods[n].get("parameters")
    )
    text += (
        f"Trained parameters: {parameters or 'none yet'}.\n\n"
        "All measures by variable, clean; best in bold, where there is a best. *RMSE/std*: over the standard deviation of\n"
        "the truth. *Bias*: 0 where below 0.05 % of the RMSE. *Spectral distance*: RMS over wavenumbers of the ratio of\n"
        "power spectra. *Quantile error*: quantile of the method minus that of the truth. *FSS*: fractions skill score for\n"
        f"{1000 * RAIN_THRESHOLD:g} mm in {RAIN_WINDOW} x {RAIN_WINDOW} points. *Re-coarsening*: RMS of what the method's own cell means differ from the\n"
        "input by, before they are restored.\n\n"
    )
    for variable in results.variables(tables.FINE):
        body = "\n".join(
            f"{tables.scale_name(s)}:\n\n{tables.every_measure(results, variable, s)}" for s in (tables.X2, tables.X4)
        )
        text += tables.folded(f"{variable}: {VARIABLES[variable].long_name.lower()}", body) + "\n"
    return text


def ablation_section(results: Results, experiments: Path) -> str:
    """What each part of the network is worth."""
    parts = {p.removeprefix("no-") for p in tables.ablation_parts(results)}
    known = [p.stem.removeprefix("no-") for p in sorted(experiments.glob("*.toml"))]
    missing = [k.replace("-", " ") for k in known if k not in parts]
    text = "## Ablation\n\n"
    if parts and EQUAL in results.methods:
        text += (
            "RMSE without one part over that of the whole network trained with the same seed, averaged over seeds, on\n"
            "hres-test; above 1 the part helps. The last row, if there, is how much two seeds of the whole differ.\n\n"
        )
        for scale in ((2.5, 2.5), tables.X4):
            for degraded in (False, True):
                title = f"{tables.scale_name(scale)}, {'degraded' if degraded else 'clean'}"
                text += f"{title}:\n\n{tables.ablation(results, scale, degraded)}\n"
    return text + (f"Not yet scored: {', '.join(missing)}.\n\n" if missing else "")


def pictures(results: Results, maps: Path, out: Path, suite: Path) -> str:
    """Draws them; returns their section."""
    crop, found = tomllib.loads(suite.read_text())["maps"], []
    case = Case(tables.FINE, "t2m", tables.X4)
    box = tuple(crop["rows"]), tuple(crop["cols"])
    found.append(
        (
            figures.spectra(results, out / "spectra.png"),
            "Power spectra at x4, clean, hres-test: power by wavelength, and over that of the truth. Below 1 a field is too\n"
            "smooth, above 1 too rough. Dotted: the shortest wave that the input can hold. Peers: the best of fixed and the\n"
            "best of arbitrary ratio, if scored.",
        )
    )
    for variable in figures.SHOW:
        path = figures.maps(results, maps, variable, *box, out / f"maps-{variable}.png")
        found.append((path, f"Example at x4, clean, {variable}: part of hres-test. One colour scale a row."))
    found.append(
        (
            figures.curves(results, out / "scales.png"),
            "RMSE over that of back-projection by scale, clean, hres-test. Above 1 a method is worse than that; what lies above\n"
            f"{figures.TOP:g} is cut off. Dashed: networks as published, and ours as trained for the comparison.",
        )
    )
    text = "".join(
        f"{words}\n\n![{path.stem}]({out.name}/{path.name})\n\n" for path, words in found if path is not None
    )
    peers = ", ".join(label(p) for p in figures.best_peers(results, case))
    return f"## Pictures\n\n{text}" + (f"Best peers for t2m at x4: {peers}.\n\n" if peers else "")


def product_section(model: str) -> str:
    """The demo cycle through `finescale field`: what users get."""
    head = "## The product on the demo cycle\n\n"
    try:
        package = open_package(model)
    except ModelMismatch as error:
        return f"{head}Not measured: {error}.\n"
    return (
        f"{head}`finescale field` over 20–40N 100–125E (all 201 x 251 points) of the forecast of hres-test: 0.25 degree area\n"
        "means in, with what lies around the box, 0.1 degree out (scale 2.5). RMSE against the forecast itself; `ratio` is\n"
        "finescale over the better of the other two, below 1 is better.\n\n"
        f"{test_box.table(test_box.scores(model))}\n"
        f"Model {package.model_id}, sha-256 {package.digest[:16]}, {package.metadata['parameters']} parameters;\n"
        f"finescale {VERSION}. Neither bicubic nor back-projected bicubic knows terrain.\n"
    )


def page(results: Results, folder: Path, out: Path, suite: Path, product: str) -> Path:
    """Writes it all under `out`."""
    ours = label(results.equal)
    link = os.path.relpath(folder, out)
    text = (
        intro(results, link)
        + f"## Against other networks at x2\n\n{headline().format(ours=ours)}Clean:\n\n{tables.headline(results, False)}\n"
        + f"Degraded:\n\n{tables.headline(results, True)}\n"
        + rmse_section(results)
        + methods_section(results)
        + ablation_section(results, suite.parent / "ablations")
        + pictures(results, folder / "maps", out / "accuracy", suite)
        + product
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
    product = "" if args.no_demo else product_section(args.model)
    print(page(results, args.results, args.out, args.suite, product))


if __name__ == "__main__":
    main()
