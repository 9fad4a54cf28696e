"""A finished run becomes a package: `python -m models.training.release CONFIG.toml FOLDER --halo N --card CARD.md`."""

from __future__ import annotations

import argparse
from pathlib import Path

from models import package
from models.downscaler import Downscaler
from models.operator import Sampling
from models.training.batches import FOOTPRINTS
from models.training.data import digest
from models.training.experiment import Experiment
from models.training.train import Trainer


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--halo", type=int, required=True, help="from python -m benchmarks.accuracy.halo")
    parser.add_argument("--card", type=Path, required=True)
    args = parser.parse_args()
    experiment = Experiment.read(args.config)
    trainer = Trainer(experiment)
    if trainer.progress < 1:
        parser.error(f"the run is at step {trainer.step}, {trainer.progress:.0%}; train it to its end first")
    batch = experiment.batch
    if experiment.method != "inr" or not isinstance(trainer.average, Downscaler):
        parser.error(f"{args.config} trains {experiment.method}, which is a peer to compare with, not a product")
    package.write(
        args.folder,
        trainer.average,
        halo=args.halo,
        scale_range=(batch.scale_low, batch.scale_high),
        footprints=(min(b.dataset.footprint for b in trainer.batches.values()), FOOTPRINTS[1]),
        card=args.card.read_text(),
        training={
            "steps": trainer.step,
            "learning_rate": experiment.learning_rate,
            "seed": experiment.seed,
            "precision": experiment.precision,
            "teacher": experiment.identity()["teacher"],
            "data": sorted(trainer.batches),
            "data_sha256": digest(experiment.data),
            "validation_score": round(min(h["score"] for h in trainer.history), 4),
            "shrinkage": {
                str(s): dict(zip(trainer.statistics.names, (round(float(f), 3) for f in row), strict=True))
                for s, row in zip(Sampling, trainer.average.shrinkage, strict=True)
            },
        },
    )
    print(f"{args.folder}: sha-256 {package.ModelPackage.open(args.folder).digest}")


if __name__ == "__main__":
    main()
