"""Everything that moto holds for an account, read from its memory and not through its API.

Decides nothing: it walks the backends of every service and region and prints what is there, so
that a describe call that forgets something cannot hide it. Secrets are replaced by their length.
"""

from __future__ import annotations

import datetime
import enum
import hashlib
from typing import Any

# Attributes that are links to other resources, caches or clocks: their id is enough, or nothing.
SKIPPED = {
    "ec2_backend", "backend", "context", "tagger", "tagging_service", "client_token", "_pages",
    "awsdouble_pending", "_awsdouble_pending", "launch_time", "last_used", "instances_tracked",
    "_reason", "state_reason", "_subnet_ip_generator", "_unused_ips", "_subnet_ips",
    "_available_ip_addresses", "reserved_ips", "rr_changes", "next_markers", "awsdouble_vendor_snapshots",
    "deleted_amis", "password_last_used", "credential_report", "resource_tags", "arn_index",
    "pagination_tokens", "filters", "_private_ips",
}  # fmt: skip
SECRET = {"secret_access_key", "session_token", "password", "user_data", "private_key", "material"}
DEEPEST = 6
# Backends that hold nothing but what AWS provides.
NOT_RESOURCES = {"instance_types", "resourcegroupstaggingapi", "moto_api", "instance_metadata"}
PROVIDED = {"managed_prefix_lists", "delegation_sets", "launch_template_insert_order"}


def dump(account: str, regions: list[str] | None = None) -> dict[str, Any]:
    """`{"service/region/collection/id": attributes}` of everything in an account."""
    from moto.core.base_backend import BackendDict

    found: dict[str, Any] = {}
    for backends in list(BackendDict._instances):
        if backends.service_name in NOT_RESOURCES or account not in backends:
            continue
        for region, backend in list(backends[account].items()):
            if regions and "-" in region and region not in regions:
                continue
            prefix = f"{backends.service_name}/{region}"
            for path, value in _collections(backends.service_name, backend):
                found[f"{prefix}/{path}"] = value
    return dict(sorted(found.items()))


def _collections(service: str, backend: Any) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, held in vars(backend).items():
        if name in SKIPPED or name.startswith("_") or not held:
            continue
        if service == "sts" or name in PROVIDED:
            continue
        if service == "ec2" and name in ("groups", "subnets"):
            rows += [
                (f"{name}/{key}", _plain(value))
                for inner in held.values()
                for key, value in inner.items()
            ]
        elif service == "ec2" and name == "reservations":
            rows += [
                (f"instances/{i.id}", _plain(i)) for r in held.values() for i in r.instances
            ]
        elif service == "ec2" and name == "tags":
            rows += [(f"tags/{key}", dict(sorted(value.items()))) for key, value in held.items()
                     if value]  # fmt: skip
        elif service == "ec2" and name == "amis":
            rows += [
                (f"{name}/{key}", _plain(value))
                for key, value in held.items()
                if value.owner_id == backend.account_id
            ]
        elif service == "kms" and name == "keys":
            # Keys that AWS makes for itself when something is encrypted first stay for ever.
            rows += [
                (f"{name}/{key}", _plain(value))
                for key, value in held.items()
                if not any(alias.startswith("alias/aws/") for alias in value.aliases)
            ]
        elif service == "iam" and name == "managed_policies":
            rows += [
                (f"{name}/{key}", _plain(value))
                for key, value in held.items()
                if f":{backend.account_id}:" in key
            ]
        elif name == "access_keys":
            # Temporary keys are not resources.
            rows += [
                (f"{name}/{key}", {"user": value.user_name})
                for key, value in held.items()
                if value.user_name
            ]
        elif service == "route53" and name == "zones":
            for key, zone in held.items():
                rows += _zone(backend, key, zone)
        elif service == "s3" and name == "buckets":
            for key, bucket in held.items():
                rows += _bucket(backend, key, bucket)
        elif isinstance(held, dict):
            rows += [(f"{name}/{key}", _plain(value)) for key, value in held.items()]
        elif isinstance(held, (list, set, tuple)):
            rows += [(f"{name}/{_identity(item)}", _plain(item)) for item in held]
    tagging = getattr(backend, "tagging_service", None)
    for arn in list(getattr(tagging, "tags", {})):
        tags = tagging.get_tag_dict_for_resource(arn)
        if tags:
            rows.append((f"tags/{arn}", dict(sorted(tags.items()))))
    return rows


def _zone(backend: Any, number: str, zone: Any) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        (
            f"zones/{number}",
            {
                "name": zone.name,
                "private": zone.private_zone,
                "comment": zone.comment,
                "vpcs": _plain(zone.vpcs),
                "tags": dict(sorted(backend.resource_tags.get(zone.resource_id, {}).items())),
            },
        )
    ]
    for record in zone.rrsets:
        identity = f"{record.name}/{record.type}"
        if record.set_identifier:
            identity += f"/{record.set_identifier}"
        rows.append(
            (
                f"records/{number}/{identity}",
                {
                    "ttl": None if record.ttl is None else int(record.ttl),
                    "values": sorted(record.records or []),
                    "alias": _plain(record.alias_target),
                },
            )
        )
    return rows


def _bucket(backend: Any, name: str, bucket: Any) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        (
            f"buckets/{name}",
            {
                "region": bucket.region_name,
                "tags": dict(sorted(backend.tagger.get_tag_dict_for_resource(bucket.arn).items())),
                "policy": _plain(bucket.policy),
                "versioning": str(bucket.versioning_status),
                "uploads": len(bucket.multiparts),
            },
        )
    ]
    for key in list(bucket.keys):
        versions = bucket.keys.getlist(key)
        rows.append(
            (
                f"objects/{name}/{key}",
                {"versions": [getattr(v, "etag", "deleted") for v in versions]},
            )
        )
    return rows


def _identity(value: Any) -> str:
    for name in ("id", "allocation_id", "arn", "name", "resource_id", "file_system_id"):
        try:
            found = getattr(value, name, None)
        except Exception:
            continue
        if isinstance(found, str) and found:
            return found
    return hashlib.sha256(repr(_plain(value)).encode()).hexdigest()[:12]


def _plain(value: Any, depth: int = 0, top: bool = True) -> Any:
    """A value as JSON. Below the top, an object that has an id is only that id."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        rows = {
            str(k): f"({len(str(v))} characters)" if k in SECRET else _plain(v, depth + 1, False)
            for k, v in value.items()
        }
        return dict(sorted(rows.items()))
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(v, depth + 1, False) for v in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(v, depth + 1, False) for v in value]
    attributes = getattr(value, "__dict__", None)
    if attributes is None:
        return str(value)
    if not top and depth > 0:
        identity = next(
            (
                attributes[name]
                for name in ("id", "arn", "mount_target_id", "file_system_id", "resource_id")
                if isinstance(attributes.get(name), str)
            ),
            None,
        )
        if identity is not None and not _owned(value):
            return f"→ {identity}"
    rows = {}
    for key, held in attributes.items():
        if key in SKIPPED or callable(held):
            continue
        if key in SECRET:
            rows[key] = f"({len(str(held))} characters)" if held else held
        else:
            rows[key] = _plain(held, depth + 1, False)
    return dict(sorted(rows.items()))


def _owned(value: Any) -> bool:
    """Parts that have an id but no life of their own: rules of a group, listeners, entries."""
    return type(value).__name__ in {
        "SecurityGroupRule", "FakeListener", "FakeListenerRule", "FakeRule", "NetworkAclEntry",
        "NetworkAclAssociation", "Route", "BlockDeviceType",
    }  # fmt: skip
