"""The science in torch: networks, interpolation, degradation, training, packages.

Knows tensors and arrays. Knows nothing of Prefect, xarray, weather files or clouds.
"""

import os

# OpenMP's threads wait for each other some microseconds awake and then asleep. Awake for milliseconds, as is the
# default, they take turns with whatever else uses the cores, and inference takes five to ten times as long; asleep at
# once, half as long again. Read when torch is loaded, which comes after this.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
