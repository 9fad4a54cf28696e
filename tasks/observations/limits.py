"""What was ever measured on Earth, by variable: beyond it a number is no observation. No check, no reader."""

from __future__ import annotations

from tasks.variables import VARIABLES

# Wind: plausible means of WMO's Guidelines on Quality Control Procedures for Data from Automatic Weather Stations
# (WMO-No. 305 and -No. 8), 0 to 75 m/s. The others: tasks.variables.
LIMITS = {name: (VARIABLES[name].low, VARIABLES[name].high) for name in ("t2m", "d2m", "sp", "msl")} | {
    "wind_speed": (0.0, 75.0),
    "wind_direction": (0.0, 360.0),
}
# Rain in h hours, m: 0.47 sqrt(h) lies just above the world's records (WMO-No. 1045 and WMO's archive of extremes:
# 401 mm in 1 h, 1,144 mm in 12 h, 1,825 mm in 24 h, 3,929 mm in 72 h).
RAIN_IN_AN_HOUR = 0.47
ELEVATIONS = (-500.0, 9000.0)  # m: the shore of the Dead Sea is at -430, Everest at 8,849
