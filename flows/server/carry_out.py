"""Starts a flow: on Prefect where a server is configured, as a plain call where none is."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings

P = ParamSpec("P")
R = TypeVar("R")


def carry_out(flow: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a flow hands out, or the error that it ended with.

    Without a server no run is recorded and nothing limits its time; its steps are tried again as ever. A server of
    Prefect's own, started for one run, takes longer than many a run.
    """
    if FlowRunContext.get() is not None or get_current_settings().api.url:
        return flow(*args, **kwargs)
    made = cast("Any", flow)
    bound = signature(made.fn).bind(*args, **kwargs)
    bound.apply_defaults()
    found = made.fn(**made.validate_parameters(dict(bound.arguments)))
    if not isinstance(found, State):
        return cast("R", found)
    if isinstance(found.data, BaseException):
        raise found.data
    return cast("R", found.data)
