"""The science in torch: networks, interpolation, degradation, training, packages.

Knows tensors and arrays. Knows nothing of Prefect, xarray, weather files or clouds.
"""
