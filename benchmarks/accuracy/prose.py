"""What docs/accuracy/networks.md says around its numbers. Nothing measured is typed here."""

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

INTRO = """# Networks beside each other, on cell means

Inputs here are means over cells, as the papers have them, and as no field of ECMWF is made; how good the shipped
package is on inputs as they come is in [accuracy.md](../accuracy.md). All methods, ours included, were trained and
scored as they were before packages knew operators (format 3), and have not been again.

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
ERA5 holds little at the scale of its own 0.25 degree grid, so x2 is easier there than on HRES. At x2.5 the ERA5 boxes
end amid an input cell, and terrain beyond them repeats that of the edge: surface pressure is off in the last two rows.

- *finescale, equal* is our network, trained as its peers were: same data, steps and queries.
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
