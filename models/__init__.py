"""The science in torch: networks, interpolation, degradation, training, packages.

Knows tensors and arrays. Knows nothing of Prefect, xarray, weather files or clouds.
"""

import os

# OpenMP's threads sleep while they wait for each other. Awake, as is the default, they take turns with whatever else
# uses the cores, and inference takes five to ten times as long. Read when torch is loaded, which comes after this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
