"""What differs between two snapshots, and what that means.

Decides what counts as a difference. Forgives only what AWS itself goes on listing: instances in
`terminated`, NAT gateways in `deleted`, peering connections in a final state, and their tags, and
only if they were not alive in the first snapshot.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

FINAL_PEERING = {"deleted", "rejected", "expired", "failed"}
# Views of resources that are counted elsewhere.
VIEWS = {"ec2:tag", "tagging:resource"}
# What has no life of its own: it goes with its owner, or is deleted in batches.
PARTS = {
    "ec2:security-group-rule", "elbv2:listener", "route53:record", "s3:object", "s3:upload",
    "iam:inline-policy", "iam:access-key",
}  # fmt: skip
FORGIVEN = (
    "instances in state terminated, NAT gateways in state deleted and peering connections in a "
    "final state (and their tags) that were not alive before: AWS itself goes on listing them; the "
    "KMS keys that AWS makes for itself are not looked at"
)


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """`{"same", "differences", "forgiven", "forgiveness"}`.

    A difference is `{"witness", "what", "kind", "id", "name", "changes"}`: `witness` is
    `described` (boto3) or `dumped` (moto's memory), `what` is new, missing or changed.
    """
    differences: list[dict[str, Any]] = []
    forgiven: Counter[str] = Counter()
    gone = _final(before) | _final(after)
    lived = _living(before)
    pardoned = {identity for identity in gone if identity not in lived}
    kinds = sorted(set(before["described"]) | set(after["described"]))
    for kind in kinds:
        _compare_rows(
            "described",
            kind,
            before["described"].get(kind, {}),
            after["described"].get(kind, {}),
            pardoned,
            differences,
            forgiven,
        )
    for kind in sorted({_dump_kind(path) for path in (*before["dumped"], *after["dumped"])}):
        _compare_rows(
            "dumped",
            kind,
            {p: v for p, v in before["dumped"].items() if _dump_kind(p) == kind},
            {p: v for p, v in after["dumped"].items() if _dump_kind(p) == kind},
            pardoned,
            differences,
            forgiven,
        )
    if bool(before["dumped"]) != bool(after["dumped"]):
        differences.append(
            {
                "witness": "dumped",
                "what": "changed",
                "kind": "snapshot",
                "id": "-",
                "name": None,
                "changes": ["only one of the two snapshots holds the emulation's own state"],
            }
        )
    return {
        "same": not differences,
        "differences": differences,
        "forgiven": dict(sorted(forgiven.items())),
        "forgiveness": FORGIVEN,
    }


def expect(
    before: dict[str, Any], during: dict[str, Any], planted: list[tuple[str, str]]
) -> dict[str, Any]:
    """`before`, with what was planted in the meantime as it is in `during`: what shall be left."""
    described = {kind: dict(rows) for kind, rows in before["described"].items()}
    dumped = dict(before["dumped"])
    for kind, identity in planted:
        described.setdefault(kind, {})[identity] = during["described"][kind][identity]
        for path, row in during["dumped"].items():
            if path.endswith("/" + identity):
                dumped[path] = row
    return {**before, "described": described, "dumped": dumped}


def count_by_kind(snapshot: dict[str, Any], base: dict[str, Any] | None = None) -> dict[str, int]:
    """Living resources by kind; with `base`, only those that were not there."""
    final = _final(snapshot)
    counts: Counter[str] = Counter()
    for kind, rows in snapshot["described"].items():
        if kind in VIEWS:
            continue
        old = (base or {"described": {}})["described"].get(kind, {})
        counts[kind] += sum(1 for i in rows if i not in old and _bare(i) not in final)
    return {kind: number for kind, number in sorted(counts.items()) if number}


def deleted(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What was alive before and is no more.

    `resources` counts what somebody had to delete: not the parts of others, nor what AWS deletes
    with its owner (`with_owner`: interfaces of services and instances, root volumes, main route
    tables, default groups and ACLs). `parts` counts records, objects, rules, inline policies, keys.
    """
    final_before, final_after = _final(before), _final(after)
    resources: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    with_owner: Counter[str] = Counter()
    for kind, rows in before["described"].items():
        if kind in VIEWS:
            continue
        later = after["described"].get(kind, {})
        for identity, row in rows.items():
            bare = _bare(identity)
            if bare in final_before or (identity in later and bare not in final_after):
                continue
            if kind in PARTS:
                parts[kind] += 1
            elif _goes_with_its_owner(kind, row):
                with_owner[kind] += 1
            else:
                resources[kind] += 1
    return {
        "resources": sum(resources.values()),
        "parts": sum(parts.values()),
        "with_owner": sum(with_owner.values()),
        "by_kind": dict(sorted(resources.items())),
        "parts_by_kind": dict(sorted(parts.items())),
        "with_owner_by_kind": dict(sorted(with_owner.items())),
    }


def report(verdict: dict[str, Any], most: int = 200) -> str:
    """The verdict for a person."""
    lines = []
    if verdict["same"]:
        lines.append("The account is as it was: no difference.")
    else:
        lines.append(f"The account is NOT as it was: {len(verdict['differences'])} differences.")
    for row in verdict["differences"][:most]:
        name = f" ({row['name']})" if row["name"] else ""
        lines.append(f"  {row['what']:8} {row['kind']} {row['id']}{name} [{row['witness']}]")
        lines += [f"           {change}" for change in row["changes"][:8]]
    if len(verdict["differences"]) > most:
        lines.append(f"  … and {len(verdict['differences']) - most} more")
    if verdict["forgiven"]:
        counts = ", ".join(f"{n} × {kind}" for kind, n in verdict["forgiven"].items())
        lines.append(f"Not counted: {counts}; {verdict['forgiveness']}.")
    return "\n".join(lines)


def _compare_rows(
    witness: str,
    kind: str,
    before: dict[str, Any],
    after: dict[str, Any],
    pardoned: set[str],
    differences: list[dict[str, Any]],
    forgiven: Counter[str],
) -> None:
    for identity in sorted(set(before) | set(after)):
        old, new = before.get(identity), after.get(identity)
        if identity in before and identity in after and old == new:
            continue
        if _about(kind, identity) & pardoned:
            if kind not in VIEWS and witness == "described":
                forgiven[kind] += 1
            continue
        if identity not in before:
            what, changes = "new", []
        elif identity not in after:
            what, changes = "missing", []
        else:
            what, changes = "changed", _changes(old, new)
        differences.append(
            {
                "witness": witness,
                "what": what,
                "kind": kind,
                "id": identity,
                "name": _name(new if new is not None else old),
                "changes": changes,
            }
        )


def _final(snapshot: dict[str, Any]) -> set[str]:
    """Ids of what is listed and yet no more."""
    described = snapshot["described"]
    found = {
        _bare(i)
        for i, row in described.get("ec2:instance", {}).items()
        if row["State"]["Name"] == "terminated"
    }
    found |= {
        _bare(i) for i, row in described.get("ec2:natgateway", {}).items()
        if row["State"] == "deleted"
    }  # fmt: skip
    found |= {
        _bare(i)
        for i, row in described.get("ec2:vpc-peering-connection", {}).items()
        if row["Status"]["Code"] in FINAL_PEERING
    }
    return found


def _living(snapshot: dict[str, Any]) -> set[str]:
    final = _final(snapshot)
    return {
        _bare(identity)
        for kind in ("ec2:instance", "ec2:natgateway", "ec2:vpc-peering-connection")
        for identity in snapshot["described"].get(kind, {})
    } - final


def _about(kind: str, identity: str) -> set[str]:
    """The ids of resources that a row could be about."""
    if kind == "ec2:tag":
        return {identity.split("/")[1]}
    return {identity.rsplit("/", 1)[-1]}


def _bare(identity: str) -> str:
    return identity.rsplit("/", 1)[-1]


def _dump_kind(path: str) -> str:
    service, _, collection, *_ = path.split("/")
    return f"{service}:{collection}"


def _goes_with_its_owner(kind: str, row: dict[str, Any]) -> bool:
    if kind == "ec2:network-interface":
        attachment = row.get("Attachment") or {}
        return bool(row.get("RequesterManaged")) or bool(attachment.get("DeleteOnTermination"))
    if kind == "ec2:volume":
        return any(a.get("DeleteOnTermination") for a in row.get("Attachments", []))
    if kind == "ec2:route-table":
        return any(a.get("Main") for a in row.get("Associations", []))
    if kind == "ec2:security-group":
        return row.get("GroupName") == "default"
    if kind == "ec2:network-acl":
        return bool(row.get("IsDefault"))
    return False


def _changes(old: Any, new: Any, path: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(set(old) | set(new)):
            found += _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return found
    if old == new:
        return []
    return [f"{path or 'value'}: {_short(old)} → {_short(new)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else text[:160] + "…"


def _name(row: Any) -> str | None:
    if not isinstance(row, dict):
        return None
    tags = row.get("Tags")
    if isinstance(tags, dict):
        found = tags.get("Name")
    elif isinstance(tags, list):
        found = next((t["Value"] for t in tags if isinstance(t, dict) and t.get("Key") == "Name"), None)
    else:
        found = None
    return found or row.get("GroupName") or row.get("name") or row.get("Name")
