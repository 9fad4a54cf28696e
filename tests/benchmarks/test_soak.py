"""What the soak's reader takes for a store that is away, and what for a fault."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from benchmarks.runs.soak_reader import is_away


def answered(status: int) -> ClientError:
    return ClientError({"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (answered(503), True),
        (ConnectionRefusedError(), True),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), True),
        (answered(404), False),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (KeyError("product"), False),
    ],
)
def test_what_is_not_there_or_not_allowed_is_a_fault_that_a_reader_sees(error: Exception, away: bool) -> None:
    assert is_away(error) is away
