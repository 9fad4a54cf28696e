"""GRIB 1 and 2 as ecCodes reads it: walking a file, what a header says, the grid, the values. Used by acquire and prepare."""
