"""Regular latitude-longitude grids and boxes, and what is done on them: weights, cell means, samples."""
