#!/bin/sh
# torch 2.13.0 (CPU): a function that reads a numpy array by torch.from_numpy, as weights that depend on a grid commonly
# are, compiles and runs under torch.no_grad(). Under torch.inference_mode(), which is meant for the same and advised for
# inference, torch.compile raises: a guard that it has just made does not hold for the tensor that it was made of, since
# what from_numpy makes outside of the mode has another set of dispatch keys than what it makes inside. No compiler takes
# part in it (backend "eager"). A tensor made once, before, works in both.
#
# Installs torch and numpy in a temporary folder and runs all four; fails if that has changed.
# Output seen on 2026-11-29:
#   torch 2.13.0+cpu
#   no_grad         array at each call   [1.0, 1.0, 1.0]
#   no_grad         tensor made before   [1.0, 1.0, 1.0]
#   inference_mode  array at each call   AssertionError: Guard failed on the same frame it was created
#   inference_mode  tensor made before   [1.0, 1.0, 1.0]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import torch

print("torch", torch.__version__)
array = np.ones(3, dtype=np.float32)
tensor = torch.from_numpy(array)
ways = {
    "array at each call": lambda x: x + torch.from_numpy(array),
    "tensor made before": lambda x: x + tensor,
}
found = {}
for mode in (torch.no_grad, torch.inference_mode):
    for name, function in ways.items():
        torch._dynamo.reset()
        with mode():
            try:
                said = str(torch.compile(function, backend="eager")(torch.zeros(3)).tolist())
            except AssertionError as error:
                said = f"AssertionError: {str(error).split('.')[0]}"
        found[mode.__name__, name] = said
        print(f"{mode.__name__:15} {name:20} {said}")
sums = "[1.0, 1.0, 1.0]"
refused = found.pop(("inference_mode", "array at each call"))
assert refused.startswith("AssertionError: Guard failed"), "an array at each call compiles in inference_mode now"
assert set(found.values()) == {sums}, "one of the others does not work any more"
PYTHON
