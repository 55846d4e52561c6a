"""How a method of moto is replaced: the new function gets the old one as its first argument."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import ServiceException


class Refusal(ServiceException):
    """An error with a code and a message of our own, in any service that answers by model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@around(Class, "method") def _(original, self, …)` replaces `Class.method`."""

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return function

    return replace


def instead(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replaces or adds `owner.name`; the old method, if any, is not wanted any more."""

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, function)
        return function

    return replace


def around_property(
    owner: Any, name: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Like `around`, for a property: the new function gets a function that reads the old one."""

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name).fget
        setattr(owner, name, property(lambda self: function(original, self)))
        return function

    return replace
