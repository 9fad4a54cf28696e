"""GRIB 1 and 2 as ecCodes reads it: walking a file, a header, the grid, the values. For acquire and prepare."""
