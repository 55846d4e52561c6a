"""Puts moto, the gaps and the gate together."""

from __future__ import annotations

import importlib
from typing import Any

from .gate import Gate

# Loaded before the first request, or that request would pay for it.
SERVICES = (
    "ec2", "elb", "elbv2", "iam", "sts", "route53", "s3", "efs", "resourcegroupstaggingapi",
    "autoscaling", "kms",
)  # fmt: skip


def build(admin: Any) -> Gate:
    """The application: the gate over a moto whose gaps are closed."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from . import gaps

    for service in SERVICES:
        importlib.import_module(f"moto.{service}.models")
        importlib.import_module(f"moto.{service}.responses")
    gaps.close()
    gate = Gate(DomainDispatcherApplication(create_backend_app), admin)
    gate.after.extend(gaps.after_changing_call())
    return gate
