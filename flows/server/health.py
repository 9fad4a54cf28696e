"""How a Prefect server is: the last runs of a region's deployments, and the pools that they run in."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, computed_field


class WaitingRun(BaseModel):
    """A run that is due and has not begun."""

    name: str
    flow: str
    since: datetime  # when it was due
    waits_for: str


class DeploymentHealth(BaseModel):
    """The newest run of a deployment that was due."""

    name: str
    state: str  # "" if it never ran
    when: datetime | None = None
    message: str = ""
    paused: bool = False
    ok: bool


class PoolHealth(BaseModel):
    """A work pool, the workers that answer, and the runs that are due and not taken."""

    name: str
    status: str
    workers: int = 0
    queued: int = 0
    ok: bool


class PrefectHealth(BaseModel):
    """What the server said; `problem` if it said nothing."""

    api: str | None
    problem: str = ""
    deployments: list[DeploymentHealth] = []
    pools: list[PoolHealth] = []
    waiting: list[WaitingRun] = []  # runs that are due and have not begun

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether there is nothing to look after; true where no server is configured."""
        well = [*(d.ok for d in self.deployments), *(p.ok for p in self.pools)]
        return self.api is None or (not self.problem and all(well))
