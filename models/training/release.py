"""A finished run becomes a package: `python -m models.training.release CONFIG.toml FOLDER [--halo N] [--card CARD.md]`.

Of a run that began with a package the halo is that one's unless another is given, and so are the kinds of input that it
knows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models import package
from models.downscaler import Downscaler
from models.operator import Sampling
from models.package import ModelPackage
from models.training.batches import FOOTPRINTS
from models.training.data import Mismatch, digest
from models.training.experiment import Experiment
from models.training.train import Trainer


def card_of(trainer: Trainer, name: str, start: ModelPackage | None) -> str:
    """What a package's card says without anybody's words: what it comes of, what it was trained on and chosen by."""
    main, score = trainer.main, min(h["score"] for h in trainer.history)
    south, east = main.latitudes(0, main.shape[0])[-1], main.west + main.spacing * (main.shape[1] - 1)
    lines = [
        f"# {name}",
        f"{trainer.step} steps" + (f", which began with {start.model_id} ({start.digest[:16]})." if start else "."),
        (
            f"- **Data**: {', '.join(sorted(trainer.batches))}; above all {main.name}: {', '.join(main.variables)} at "
            f"{main.times} times, {south:g} to {main.north:g} degrees north, {main.west:g} to {east:g} east, every "
            f"{main.spacing:g} degree."
        ),
        (
            f"- **Chosen by** the error on what was held out: {score:.3f} of the interpolation's, the geometric mean "
            "of all scenes and variables. That is not a test: it was looked at."
        ),
    ]
    if absent := [n for n in trainer.statistics.names if n not in main.fields]:
        lines.append(f"- **Of {', '.join(absent)}** it has seen nothing lately: the regression alone makes them finer.")
    if start is not None:
        lines.append("- **Halo, kinds of input**: those of the package that it began with, not measured again.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--halo", type=int, help="from python -m benchmarks.accuracy.halo; default: that of `start`")
    parser.add_argument("--card", type=Path, help="CARD.md; default: what is known of the run")
    args = parser.parse_args()
    try:
        experiment = Experiment.read(args.config)
        trainer = Trainer(experiment)
    except (Mismatch, package.PackageError, FileNotFoundError) as error:
        parser.exit(2, f"{error}\n")
    if trainer.progress < 1:
        parser.error(f"the run is at step {trainer.step}, {trainer.progress:.0%}; train it to its end first")
    batch = experiment.batch
    if experiment.method != "inr" or not isinstance(trainer.average, Downscaler):
        parser.error(f"{args.config} trains {experiment.method}, which is a peer to compare with, not a product")
    start = ModelPackage.open(experiment.start) if experiment.start and experiment.start.is_dir() else None
    if args.halo is None and start is None:
        parser.error("--halo is missing: python -m benchmarks.accuracy.halo")
    halo = args.halo if start is None or args.halo is not None else start.halo
    finest = [b.dataset.footprint for b in trainer.batches.values()]
    if start is not None:
        finest.append(start.metadata["operators"][Sampling.SAMPLES]["footprint"][0])
    package.write(
        args.folder,
        trainer.average,
        halo=halo,
        scale_range=(batch.scale_low, batch.scale_high),
        footprints=(min(finest), FOOTPRINTS[1]),
        card=args.card.read_text() if args.card else card_of(trainer, args.folder.name, start),
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
