#!/bin/sh
# torch 2.13.0 (CPU): what x ** 1.7 of a number is depends on where in the tensor the number stands.
#
# Elementwise functions run vectorised over whole registers and by another routine over what is left at the end of a
# tensor. exp and log give the same bits either way; pow with a broken exponent does not. So a field computed tile by tile
# differs from the whole in its last bits, and what is rounded or counted over a threshold after that now and then by
# more. With numpy a part has the bits of the whole.
#
# Installs torch in a temporary folder, compares functions of parts of a tensor with the parts of the function; fails if
# that has changed. Output seen on 2026-11-28 (Linux, x86-64 with AVX-512, one thread):
#   torch exp     : 0 of 4920 values of parts differ from the whole
#   torch log     : 0 of 4920 values of parts differ from the whole
#   torch pow 1.7 : 535 of 4920 values of parts differ from the whole
#   numpy pow 1.7 : 0 of 4920 values of parts differ from the whole
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import torch

torch.set_num_threads(1)
print("torch", torch.__version__, "numpy", np.__version__, torch.backends.cpu.get_cpu_capability())
x = torch.rand(1003, generator=torch.Generator().manual_seed(0)) * 0.98 + 0.01
functions = {
    "torch exp": lambda v: torch.exp(v),
    "torch log": lambda v: torch.log(v),
    "torch pow 1.7": lambda v: v**1.7,
    "numpy pow 1.7": lambda v: torch.from_numpy(v.numpy() ** np.float32(1.7)),
}
parts = [slice(start, start + count) for start in range(40) for count in (5, 17, 101)]
found = {}
for name, function in functions.items():
    whole = function(x)
    found[name] = sum(int((function(x[part].clone()) != whole[part]).sum()) for part in parts)
    print(f"{name:14}: {found[name]} of {sum(p.stop - p.start for p in parts)} values of parts differ from the whole")
good = not found["torch exp"] and found["torch pow 1.7"] and not found["numpy pow 1.7"]
sys.exit(0 if good else 1)
PYTHON
