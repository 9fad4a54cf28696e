"""Tests stay on loopback, and the page of faults lists every one that is tested."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

import pytest
import requests
from pytest_socket import SocketConnectBlockedError

from tests.fault_table import ROWS, name_of, written

ELSEWHERE = "192.0.2.1"  # for documentation, RFC 5737


def test_this_process_cannot_leave_loopback() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect((ELSEWHERE, 80))


def test_a_process_that_a_test_starts_cannot_either() -> None:
    code = f"import requests; requests.get('http://{ELSEWHERE}/', timeout=20)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ProxyError" in result.stderr
    assert issubclass(requests.exceptions.ProxyError, Exception)


def test_every_fault_that_is_tested_is_in_the_docs(request: pytest.FixtureRequest) -> None:
    listed = set(re.findall(r"\| `([^`]+)` \|$", written(), re.MULTILINE))
    collected = {name_of(test) for test in request.config.stash[ROWS]}
    assert collected <= listed, "run `pytest --write-faults`"
    assert len(listed) > 30
