"""The tables of docs/accuracy/networks.md as Markdown, from results alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.accuracy.results import (
    ABLATION,
    BASELINES,
    SEED,
    WHOLE,
    Case,
    Results,
    Scale,
    factor,
    label,
    unit,
)

GOALS = {True: 0.7, False: 0.48}  # dB of PSNR at x2: over fixed-ratio methods, over those of arbitrary ratio
HEADLINE_SETS = ("hres-test", "era5-china", "era5-uk")
X2, X4 = (2.0, 2.0), (4.0, 4.0)
FINE = "hres-test"
NONE = "–"
COMPARISONS = [(framing, fixed) for framing in ("equal", "published") for fixed in (True, False)]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table; the first `left` columns are text, the others right-aligned."""
    align = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(align)}|", *(f"| {' | '.join(r)} |" for r in rows)]
    return "\n".join(lines) + "\n"


def folded(summary: str, body: str) -> str:
    """Shown when clicked on."""
    return f"<details><summary>{summary}</summary>\n\n{body.strip()}\n\n</details>\n"


def digits(value: float | None, count: int = 4) -> str:
    """So many significant digits, never in powers of ten."""
    if value is None or math.isnan(value):
        return NONE
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    places = max(count - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{places}f}"


def bold(text: str, when: bool = True) -> str:
    """Marked, or not."""
    return f"**{text}**" if when else text


def scale_name(scale: Scale) -> str:
    """As readers know it; latitude first where the two differ."""
    return f"x{scale[0]:g}" if scale[0] == scale[1] else f"x{scale[0]:g} lat, x{scale[1]:g} lon"


def headline(results: Results, degraded: bool) -> str:
    """Ours minus the best peers at x2 in dB, and how often the goals are reached."""
    rows, reached = [], defaultdict[tuple[str, bool], list[tuple[bool, bool]]](list)
    for dataset in HEADLINE_SETS:
        for variable in results.variables(dataset):
            case = Case(dataset, variable, X2, degraded)
            row = [dataset, variable]
            for framing, fixed in COMPARISONS:
                best = results.best(results.peers(framing, fixed), case)
                if best is None or results.get(results.equal, case) is None:
                    row.append(NONE)
                    continue
                gain, low, high = results.gain(results.equal, best, case)
                reached[framing, fixed].append((gain >= GOALS[fixed], low >= GOALS[fixed]))
                mark = "✓" if gain >= GOALS[fixed] else "✗"
                row.append(f"{bold(f'{gain:+.2f}')} {mark} {label(best, framing=False)}<br>{low:+.2f} to {high:+.2f}")
            rows.append(row)
    head = ["set", "variable"]
    head += [
        f"{framing}, {'fixed' if fixed else 'arbitrary'} ratio (goal {GOALS[fixed]:g})"
        for framing, fixed in COMPARISONS
    ]
    said = [
        f"- against the best {'fixed-ratio' if fixed else 'arbitrary-ratio'} method, {framing}: reached in "
        f"{sum(a for a, _ in found)} of {len(found)}, with the whole interval in {sum(b for _, b in found)}\n"
        for (framing, fixed), found in reached.items()
    ]
    return markdown(head, rows, left=2) + "\n" + "".join(said) if said else "No peer has been scored yet.\n"


@dataclass(frozen=True)
class Against:
    """Ours and the four methods without a network, in one case."""

    ours: float
    rival: str
    theirs: float

    @property
    def lowest(self) -> bool:
        """Whether ours is below all of them."""
        return self.ours < self.theirs


def against(results: Results, case: Case) -> Against | None:
    """None where ours or all of the others are not there."""
    rival, ours = results.best(BASELINES, case), results.rmse(results.product, case)
    if rival is None or ours is None:
        return None
    return Against(ours, rival, results.rmse(rival, case) or 0.0)


def ratios(results: Results, degraded: bool) -> str:
    """RMSE of ours over the lowest of the four: a row a set and variable, a column a scale."""
    scales = list(dict.fromkeys(s for d in results.sets() for s in results.scales(d)))
    scales.sort(key=lambda s: (s[0] != s[1], s))
    rows = []
    for dataset in results.sets():
        for variable in results.variables(dataset):
            row = [dataset, variable]
            for scale in scales:
                found = against(results, Case(dataset, variable, scale, degraded))
                row.append(NONE if found is None else bold(f"{found.ours / found.theirs:.3f}", not found.lowest))
            rows.append(row)
    return markdown(["set", "variable", *map(scale_name, scales)], rows, left=2)


def not_lowest(results: Results) -> str:
    """List of the cases where one of the four is as good as ours or better."""
    found: dict[tuple[str, bool, str], list[str]] = {}
    compared = 0
    for degraded in (False, True):
        for dataset in results.sets():
            for variable in results.variables(dataset):
                for scale in results.scales(dataset):
                    here = against(results, Case(dataset, variable, scale, degraded))
                    compared += here is not None
                    if here is not None and not here.lowest:
                        text = f"{scale_name(scale)} ({label(here.rival)}, {here.ours / here.theirs:.3f})"
                        found.setdefault((dataset, degraded, variable), []).append(text)
    if not found:
        return "Ours is below all four everywhere.\n"
    lines = [
        f"- {dataset}, {'degraded' if degraded else 'clean'}, {variable}: {'; '.join(texts)}\n"
        for (dataset, degraded, variable), texts in found.items()
    ]
    count = f"{sum(map(len, found.values()))} of {compared} cases"
    return f"Where ours is not below all four, {count} (in brackets the lowest, and ours over it):\n\n" + "".join(lines)


def all_scales(results: Results, dataset: str, degraded: bool) -> str:
    """RMSE of ours and the four at every scale of a set."""
    scales, rows = results.scales(dataset), []
    for variable in results.variables(dataset):
        for method in (m for m in (results.product, *BASELINES) if m in results.methods):
            row = [f"{variable}, {unit(variable)}" if method == results.product else "", label(method)]
            for scale in scales:
                case = Case(dataset, variable, scale, degraded)
                found = against(results, case)
                worse = method == results.product and found is not None and not found.lowest
                row.append(bold(digits(results.rmse(method, case)), worse))
            rows.append(row)
    return markdown(["variable", "method", *map(scale_name, scales)], rows, left=2)


def _marked(
    column: Sequence[float | None], better: Callable[[float], float] | None, show: Callable[[float | None], str]
) -> list[str]:
    """A column as text; what reads the same as the best is bold."""
    known = [v for v in column if v is not None and not math.isnan(v)]
    best = show(min(known, key=better)) if known and better is not None else None
    return [bold(show(v), show(v) == best) for v in column]


def every_method(results: Results, scale: Scale) -> str:
    """RMSE by method and variable on the 0.1 degree box, clean."""
    variables = results.variables(FINE)
    methods = [m for m in results.compared if any(results.get(m, Case(FINE, v, scale)) for v in variables)]
    columns = [_marked([results.rmse(m, Case(FINE, v, scale)) for m in methods], abs, digits) for v in variables]
    rows = [[label(m), *(c[i] for c in columns)] for i, m in enumerate(methods)]
    return markdown(["method", *(f"{v}, {unit(v)}" for v in variables)], rows)


@dataclass(frozen=True)
class Measure:
    """A column: key in a record, how it is called, shown, and what is better (None: nothing is marked)."""

    key: str
    title: str
    show: Callable[[float | None], str]
    better: Callable[[float], float] | None
    physical: bool = False


def _fixed(places: int) -> Callable[[float | None], str]:
    return lambda v: NONE if v is None or math.isnan(v) else f"{v:.{places}f}"


def _share(value: float | None) -> str:
    """A percentage; what rounding leaves is not shown."""
    return NONE if value is None else "< 0.001" if abs(value) < 1e-5 else digits(100 * value, 2)


MEASURES = [
    Measure("rmse", "RMSE", digits, abs, physical=True),
    Measure("psnr", "PSNR, dB", _fixed(2), lambda v: -v),
    Measure("rmse_over_std", "RMSE/std", _fixed(4), abs),
    Measure("bias", "bias", lambda v: digits(v, 2), None, physical=True),
    Measure("ssim", "SSIM", _fixed(4), lambda v: -v),
    Measure("log_spectral_distance", "spectral distance, dB", _fixed(2), abs),
    Measure("quantile_error_0.1", "0.1 % quantile error", lambda v: digits(v, 3), abs, physical=True),
    Measure("quantile_error_99.9", "99.9 % quantile error", lambda v: digits(v, 3), abs, physical=True),
    Measure("fss", "FSS", _fixed(4), lambda v: -v),
    Measure("recoarsening", "re-coarsening, % of std", _share, None),
]


def _value(results: Results, method: str, case: Case, measure: Measure) -> float | None:
    record = results.get(method, case)
    if record is None or measure.key not in record:
        return None
    value = record[measure.key]
    if measure.key == "bias" and abs(value) < 5e-4 * record["rmse"]:
        return 0.0  # float32's rounding, not a bias
    return value * factor(case.variable) if measure.physical else value


def every_measure(results: Results, variable: str, scale: Scale) -> str:
    """All measures of one variable, a row a method."""
    case = Case(FINE, variable, scale)
    methods = [m for m in results.compared if results.get(m, case)]
    if not methods:
        return f"{NONE}\n"
    measures = [m for m in MEASURES if any(_value(results, n, case, m) is not None for n in methods)]
    columns = []
    for measure in measures:
        values = [_value(results, m, case, measure) for m in methods]
        columns.append(_marked(values, measure.better, measure.show))
    rows = [[label(m), *texts] for m, texts in zip(methods, zip(*columns, strict=True), strict=True)]
    return markdown(["method", *(f"{m.title}, {unit(variable)}" if m.physical else m.title for m in measures)], rows)


def trained(results: Results) -> str:
    """How each network came to be: parameters, steps, learning rate, precision."""
    rows = []
    for name in [*results.compared, *(n for n in results.methods if n == WHOLE)]:
        found = results.methods[name]
        if "training" in found:
            how = found["training"]
            texts = [found["parameters"], how["steps"], how.get("learning_rate", NONE), how["precision"]]
            rows.append([label(name), *(str(t) for t in texts)])
    return markdown(["network", "parameters", "steps", "learning rate", "precision of training"], rows)


def ablation_parts(results: Results) -> dict[str, list[str]]:
    """Part left out -> its runs, one a seed."""
    parts = defaultdict[str, list[str]](list)
    for name in results.methods:
        if name.startswith(ABLATION) and not name.startswith(WHOLE):
            parts[SEED.sub("", name).removeprefix(ABLATION)].append(name)
    return parts


def ablation(results: Results, scale: Scale, degraded: bool) -> str:
    """RMSE over that of the whole network of the same seed, averaged over seeds."""

    def ratio(runs: list[str], variable: str) -> tuple[float, int] | None:
        case, found = Case(FINE, variable, scale, degraded), []
        for run in runs:
            seed = SEED.search(run)
            part, whole = results.rmse(run, case), results.rmse(WHOLE + (seed[0] if seed else ""), case)
            if part is not None and whole:
                found.append(part / whole)
        return (fmean(found), len(found)) if found else None

    rows, variables = [], results.variables(FINE)
    for part, runs in ablation_parts(results).items():
        found = [ratio(runs, v) for v in variables]
        seeds = max((f[1] for f in found if f), default=0)
        texts = [NONE if f is None else f"{f[0]:.3f}" for f in found]
        rows.append([part.removeprefix("no-").replace("-", " "), str(seeds), *texts])
    other = next((n for n in results.methods if n.startswith(WHOLE + "-seed")), None)
    if other:
        whole = [[results.rmse(n, Case(FINE, v, scale, degraded)) for n in (other, WHOLE)] for v in variables]
        rows.append(["(nothing, seed 1 over seed 0)", "", *(f"{a / b:.3f}" if a and b else NONE for a, b in whole)])
    return markdown(["left out", "seeds", *variables], rows)
