"""What things are called on Prefect's server: flows, deployments, pools, queues, tags, events.

Said here and nowhere else in the code. `deployments/kubernetes/*.json` are named after the pools,
`deployments/compose.yaml` starts a worker for each: tests hold them to it.
"""

from __future__ import annotations

# Flows. A flow is the function of its name in the module of its name, `-` written `_`.
DOWNSCALE = "downscale"
SUPER_RESOLVE = "super-resolve"
BACKFILL = "backfill"
VERIFY = "verify"
MAINTAIN = "maintain"
CATCH_UP = "catch-up"
ALL = (DOWNSCALE, SUPER_RESOLVE, BACKFILL, VERIFY, MAINTAIN, CATCH_UP)

# Work pools, and what runs in each.
CPU, GPU = "cpu", "gpu"
POOLS = {CPU: "acquire, prepare, validate, publish", GPU: "inference; one run a GPU"}

# Queues of every pool, and their priority: lower goes first. Upkeep is short, and must not wait for what is long.
UPKEEP_QUEUE, LIVE_QUEUE, BACKFILL_QUEUE = "upkeep", "live", "backfill"
QUEUES = {LIVE_QUEUE: 1, UPKEEP_QUEUE: 2, BACKFILL_QUEUE: 3}

PROJECT = "finescale"
TAG = "finescale"  # of all deployments; one of a region has its name beside it
CAUGHT_UP = "caught-up"  # tag of the runs that are started for cycles that are missing

# The event that a region's scores have drifted, and the resource that it is about.
DRIFT = "finescale.drift"
REGION_RESOURCE = "finescale.region."

# The event that a cycle which was due is not there after the last try, and the resource that it is about.
GIVEN_UP = "finescale.cycle.given-up"
CYCLE_RESOURCE = "finescale.cycle."

# The event by which somebody tries whether alarms arrive, the resource that it is about, and the alarm.
ALARM_TESTED = "finescale.alarm.tested"
ALARM_RESOURCE = "finescale.alarm"
TEST_ALARM = "test"

NOTIFICATION_BLOCK = "finescale"
ALARM_PREFIX = "finescale: "  # of the automations that are ours to change and remove


def entrypoint(flow: str) -> str:
    """Module path of a flow's function, as Prefect imports it: `flows.super_resolve.super_resolve`.

    Not the file: to load one, Prefect puts its folder before all others on `sys.path`, where every module in it hides
    the library of its name.
    """
    function = flow.replace("-", "_")
    return f"flows.{function}.{function}"


def deployment(flow: str, name: str) -> str:
    """As the server finds it: `downscale/hubei`."""
    return f"{flow}/{name}"


REGIONS = "all"
CATCH_UP_DEPLOYMENT = deployment(CATCH_UP, REGIONS)  # looks after all regions
SLAB_DEPLOYMENT = deployment(SUPER_RESOLVE, GPU)  # takes slabs of all regions
