"""What `make bench` times still takes and gives what it did: a small field of every method."""

from __future__ import annotations

import pytest
import torch

from benchmarks.stages import infer, inference

SIZE, SCALE = (12, 16), 2.0


@pytest.mark.parametrize("case", inference.CASES)
@torch.inference_mode()
def test_every_method_gives_every_variable(case: str) -> None:
    count = inference.at_once(case)
    fine = inference.network(case)(*inference.inputs(SIZE, SCALE, count), inference.SEEN)
    assert fine.shape == (count, 7, 24, 32)
    assert fine.isfinite().all()


@torch.inference_mode()
def test_blocks_and_chunks_are_the_whole() -> None:
    model, given = inference.network(inference.OURS), inference.inputs((80, 70), SCALE, 1)
    whole = model(*given, inference.SEEN)
    spread = torch.tensor([s.spread for s in model.statistics.variables.values()]).view(1, -1, 1, 1)
    for parts in (infer.in_blocks(model, (80, 70), given), infer.chunked(model, (80, 70), model.reach)):
        assert ((parts - whole) / spread).abs().max() < 1e-3
