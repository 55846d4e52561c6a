"""Where moto differs from AWS in a way that matters to deletion, and what is done about it.

One module per service. Each has a `close()` that replaces methods of moto's classes; nothing is
replaced at import. README.md lists every gap with its reason.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import Call


def close() -> None:
    """Closes all gaps, once per process."""
    from . import core, efs, elb, iam, instances, network, route53, s3, sts, tagging, vpc

    for module in (core, sts, instances, network, vpc, elb, iam, route53, s3, efs, tagging):
        module.close()


def after_changing_call() -> list[Callable[[Call], None]]:
    """What is tidied after each changing call that succeeded, in order."""
    from . import core, tagging

    return [core.forget_tags_of_the_gone, tagging.note]
