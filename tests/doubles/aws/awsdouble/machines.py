"""Instances as their owner sees them from the rack: what the spokes of the tests follow.

Decides nothing: it reads moto's memory, so that a poll every few milliseconds is neither logged as
a call nor struck by faults, and costs what its own account holds.
"""

from __future__ import annotations

from typing import Any


def listing(account: str, region: str) -> list[dict[str, Any]]:
    """Every instance of an account in a region, by id, terminated ones while they are listed."""
    from moto.ec2.models import ec2_backends

    found = []
    for reservation in ec2_backends[account][region].reservations.values():
        for instance in reservation.instances:
            dead = instance._state.name == "terminated"
            found.append(
                {
                    "id": instance.id,
                    "state": instance._state.name,
                    "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
                    "address": None if dead else instance.private_ip_address,
                    "host": None if dead else instance.private_dns_name,
                    "zone": instance.placement.zone,
                    "spot": instance.lifecycle == "spot",
                }
            )
    return sorted(found, key=lambda row: row["id"])
