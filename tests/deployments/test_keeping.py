"""Whatever part of the stack dies comes back, its keepers too; `up`, `status` and `down` are right in every state."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil
import pytest

from deployments import guard
from deployments.processes import alive, strays
from deployments.supervision import Supervisor
from tests.servers.stack import Stack, eventually

pytestmark = pytest.mark.integration

BUCKET = "finescale"


def guards(stack: Stack) -> list[psutil.Process]:
    return [p for p in strays(stack.folder) if "deployments.guard" in p.cmdline() and "keep" in p.cmdline()]


def keepers(stack: Stack) -> dict[str, psutil.Process]:
    """The guard, supervisord, and who watches for the guard."""
    (one,) = guards(stack)
    supervisord = guard.supervisord(stack.folder)
    assert supervisord is not None
    return {"guard": one, "supervisord": supervisord, "watch": psutil.Process(stack.pids()["watch"])}


def kill(*processes: psutil.Process) -> None:
    """SIGKILL to all; none can react to the death of another."""
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not any(alive(p) for p in processes))


def put(stack: Stack, text: str) -> None:
    stack.s3().put_object(Bucket=BUCKET, Key="kept", Body=text.encode())


def kept(stack: Stack) -> str:
    text: str = stack.s3().get_object(Bucket=BUCKET, Key="kept")["Body"].read().decode()
    return text


def deployments(stack: Stack) -> set[str]:
    return {d["id"] for d in stack.post("/deployments/filter")}


@pytest.mark.fault("a part of the stack is killed", "supervisord starts it again")
@pytest.mark.parametrize("part", ["postgres", "s3", "server", "worker-cpu", "worker-backfill", "worker-gpu-0", "watch"])
def test_a_killed_part_starts_again(stack: Stack, part: str) -> None:
    before = stack.pids()
    os.kill(before[part], signal.SIGKILL)
    eventually(lambda: stack.pids().get(part, before[part]) != before[part])
    eventually(stack.is_whole)
    assert {n: p for n, p in stack.pids().items() if n != part} == {n: p for n, p in before.items() if n != part}


@pytest.mark.fault("the guard of supervisord is killed", "another is started; nothing else ends")
def test_a_killed_guard_is_replaced(stack: Stack) -> None:
    before, was = stack.pids(), keepers(stack)["guard"]
    kill(was)
    eventually(lambda: guard.is_guarded(stack.folder))
    eventually(stack.is_whole)
    assert stack.pids() == before
    (now,) = guards(stack)
    assert now.pid != was.pid


@pytest.mark.fault("supervisord, guard or all parts at once are killed", "all is well again by itself, data is there")
@pytest.mark.parametrize("killed", ["supervisord", "supervisord and guard", "guard and watch", "all but the guard"])
def test_killed_keepers_come_back_with_all_parts(stack: Stack, killed: str) -> None:
    put(stack, killed)
    deployed, is_new = deployments(stack), killed != "guard and watch"
    was = keepers(stack)
    if killed == "all but the guard":
        kill(*(p for p in strays(stack.folder) if p.pid != was["guard"].pid))
    else:
        kill(*(was[name] for name in killed.split(" and ")))
    if is_new:
        eventually(lambda: Supervisor(stack.folder).answers())
        assert keepers_changed(stack, was["supervisord"])
    eventually(stack.is_whole, 120)
    assert kept(stack) == killed
    assert deployments(stack) == deployed
    assert len(guards(stack)) == 1


@pytest.mark.fault("the guard is killed while it replaces a killed supervisord", "who watches for it starts another")
def test_a_guard_that_dies_while_it_begins_anew_is_replaced(stack: Stack) -> None:
    put(stack, "before")
    found = keepers(stack)
    log = stack.folder / "logs/guard.log"
    seen = log.stat().st_size
    kill(found["supervisord"])
    eventually(lambda: b"ends what an earlier supervisord has left" in log.read_bytes()[seen:])
    kill(found["guard"])
    eventually(lambda: keepers_changed(stack, found["supervisord"]))
    eventually(stack.is_whole)
    assert kept(stack) == "before"
    eventually(lambda: len([p for p in strays(stack.folder) if "watch" in p.cmdline()]) == 1)


def keepers_changed(stack: Stack, supervisord: psutil.Process) -> bool:
    found = guard.supervisord(stack.folder)
    return found is not None and found != supervisord


@pytest.mark.fault("all of the stack is killed at once", "`make up`, systemd or cron bring it back with its data")
def test_nothing_alive_is_brought_back_by_what_cron_types(stack: Stack) -> None:
    put(stack, "before")
    deployed = deployments(stack)
    kill(*strays(stack.folder))
    assert stack("status").stderr == "stack: not up; `make up` starts it\n"
    # ids of processes are given out again: PostgreSQL's may be anybody's
    pid_file = stack.folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]))
    again = stack("up", "--if-wanted")
    assert again.returncode == 0, again.stdout + again.stderr
    assert stack.is_whole()
    assert kept(stack) == "before"
    assert deployments(stack) == deployed
    assert stack("up", "--if-wanted").stdout == ""


@pytest.mark.fault("all keepers are killed, parts live", "parts go on; `make status` says so, `make up` makes it right")
def test_parts_that_nobody_keeps_go_on_until_up_begins_anew(stack: Stack) -> None:
    put(stack, "kept by nobody")
    old = stack.pids()
    kill(*keepers(stack).values())
    status = stack("status")
    assert status.returncode == 1
    assert "nobody keeps what still runs" in status.stderr
    log = stack.folder / "logs" / "server.log"
    size = log.stat().st_size
    answer = httpx.get(f"{stack.ui}/api/ready", trust_env=False)  # what writes to a closed pipe would have died
    os.kill(old["server"], 0)
    assert answer.is_success
    assert log.stat().st_size >= size
    assert kept(stack) == "kept by nobody"
    up = stack("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "processes that nobody kept" in up.stdout
    assert not any(psutil.pid_exists(p) and alive(psutil.Process(p)) for p in old.values())
    assert stack.is_whole()
    assert kept(stack) == "kept by nobody"


def test_up_starts_a_part_that_was_stopped_by_hand(stack: Stack) -> None:
    Supervisor(stack.folder)._rpc.stopProcess("worker-gpu-0", True)
    status = stack("status")
    assert status.returncode == 1
    assert "worker-gpu-0: does not run (STOPPED), `make up` starts it" in status.stderr
    before = stack.pids()
    assert stack("up").returncode == 0
    assert stack.is_whole()
    assert before.items() <= stack.pids().items()


def test_a_supervisord_that_cannot_be_reached_is_replaced(stack: Stack) -> None:
    """Its socket is gone: somebody has cleaned up."""
    (stack.folder / "supervisor.sock").unlink()
    assert stack("status").returncode == 1
    up = stack("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert stack.is_whole()


def test_down_ends_what_nobody_keeps(stack: Stack) -> None:
    kill(*keepers(stack).values())
    assert stack("down").returncode == 0
    assert not strays(stack.folder)
    time.sleep(2 * guard.EVERY)
    assert not strays(stack.folder)  # nobody has come back
    assert stack("up", "--if-wanted").stdout == ""
    assert not strays(stack.folder)
