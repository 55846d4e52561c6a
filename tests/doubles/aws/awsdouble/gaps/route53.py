"""Route 53: batches that are all or nothing, records that must match to be deleted.

Decides what a change batch may do and how names are listed. moto accepts a second record of the
same name, forgets what it deleted, and finds zones by exact name only.
"""

from __future__ import annotations

import copy
from typing import Any

from .patch import Refusal, around, instead


def close() -> None:
    _changes()
    _listings()
    _zones()
    _authorizations()


def normal_name(name: str) -> str:
    """A name as Route 53 stores and lists it: lower case, final dot, `*` as `\\052`."""
    name = name.lower().replace("*", "\\052")
    return name if name.endswith(".") else name + "."


def _values(record: Any) -> tuple[Any, ...]:
    """What has to be the same for two record sets to be the same."""
    alias = getattr(record, "alias_target", None) or {}
    return (
        None if record.ttl is None else int(record.ttl),
        tuple(sorted(record.records or [])),
        alias.get("HostedZoneId"),
        normal_name(alias["DNSName"]) if alias.get("DNSName") else None,
        str(alias.get("EvaluateTargetHealth", "")).lower(),
        record.set_identifier,
    )


def _changes() -> None:
    from moto.route53.models import RecordSet, Route53Backend

    def same(record: Any, other: Any) -> bool:
        return (
            record.name == other.name
            and record.type == other.type
            and record.set_identifier == other.set_identifier
        )

    @instead(Route53Backend, "change_resource_record_sets")
    def change_resource_record_sets(
        self: Any, zoneid: str, change_list: list[dict[str, Any]]
    ) -> None:
        zone = self.get_hosted_zone(zoneid)
        apex = normal_name(zone.name)
        records = list(zone.rrsets)
        refused = []
        for change in change_list:
            action = change["Action"]
            given = copy.deepcopy(dict(change["ResourceRecordSet"]))
            given["Name"] = normal_name(given["Name"])
            values = given.get("ResourceRecords") or []
            given["ResourceRecords"] = [value["Value"] for value in values]
            wanted = RecordSet(given)
            named = f"[name='{wanted.name}', type='{wanted.type}']"
            if wanted.name != apex and not wanted.name.endswith("." + apex):
                refused.append(f"RRSet with DNS name {wanted.name} is not permitted in zone {apex}")
                continue
            if not values and not wanted.alias_target:
                refused.append(
                    "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and "
                    "ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with "
                    f"[Action={action}, Name={wanted.name}, Type={wanted.type}]"
                )
                continue
            found = next((r for r in records if same(r, wanted)), None)
            if action == "CREATE":
                if found is not None:
                    refused.append(
                        f"Tried to create resource record set {named} but it already exists"
                    )
                elif wanted.type == "CNAME" and any(r.name == wanted.name for r in records):
                    refused.append(
                        f"RRSet of type CNAME with DNS name {wanted.name} is not permitted as it "
                        "conflicts with other records with the same DNS name"
                    )
                else:
                    records.append(wanted)
            elif action == "UPSERT":
                records = [r for r in records if r is not found]
                records.append(wanted)
            elif found is None:
                refused.append(f"Tried to delete resource record set {named} but it was not found")
            elif _values(found) != _values(wanted):
                refused.append(
                    f"Tried to delete resource record set {named} but the values provided do not "
                    "match the current values"
                )
            elif found.name == apex and found.type in ("NS", "SOA"):
                refused.append(
                    f"A HostedZone must contain at least one {found.type} record for the zone itself."
                )
            else:
                records.remove(found)
        if refused:
            raise Refusal("InvalidChangeBatch", "[" + ", ".join(refused) + "]")
        zone.rrsets = records


def _listings() -> None:
    from moto.core.responses import ActionResult
    from moto.route53.models import FakeZone, Route53Backend, reverse_domain_name
    from moto.route53.responses import Route53

    @around(FakeZone, "add_rrset")
    def _(original: Any, self: Any, record_set: dict[str, Any]) -> Any:
        record_set["Name"] = normal_name(record_set["Name"])
        return original(self, record_set)

    @around(Route53Backend, "list_resource_record_sets")
    def _(
        original: Any, self: Any, zone_id: str, start_type: Any, start_name: Any, max_items: int
    ) -> Any:
        start = normal_name(start_name) if start_name else start_name
        return original(
            self, zone_id, start_type=start_type, start_name=start, max_items=min(max_items, 300)
        )

    @instead(Route53, "list_hosted_zones_by_name")
    def list_hosted_zones_by_name(self: Any) -> Any:
        name, after = self._get_param("DNSName"), self._get_param("HostedZoneId")
        most = min(self._get_int_param("MaxItems", 100), 100)

        def place(zone: Any) -> tuple[str, str]:
            return reverse_domain_name(normal_name(zone.name)), zone.resource_id

        zones = sorted(self.backend.zones.values(), key=place)
        if name:
            start = (reverse_domain_name(normal_name(name)), after or "")
            zones = [zone for zone in zones if place(zone) >= start]
        page, rest = zones[:most], zones[most:]
        return ActionResult(
            {
                "DNSName": name,
                "HostedZoneId": after,
                "HostedZones": page,
                "IsTruncated": bool(rest),
                "NextDNSName": rest[0].name if rest else None,
                "NextHostedZoneId": rest[0].resource_id if rest else None,
                "MaxItems": most,
            }
        )

    @around(Route53, "list_tags_for_resource")
    def _(original: Any, self: Any) -> Any:
        _known_zone(self.backend, self._get_param("ResourceType"), self._get_param("ResourceId"))
        return original(self)

    @around(Route53, "list_tags_for_resources")
    def _(original: Any, self: Any) -> Any:
        for one in self._get_param("ResourceIds") or []:
            _known_zone(self.backend, self._get_param("ResourceType"), one)
        return original(self)


def _known_zone(backend: Any, kind: str, zone: str) -> None:
    if kind == "hostedzone":
        backend.get_hosted_zone(zone)


def _zones() -> None:
    from moto.route53.exceptions import HostedZoneNotEmpty
    from moto.route53.models import Route53Backend

    @around(Route53Backend, "create_hosted_zone")
    def _(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        reference = kwargs.get("caller_reference")
        if reference and any(z.caller_reference == reference for z in self.zones.values()):
            raise Refusal(
                "HostedZoneAlreadyExists",
                "A hosted zone has already been created with the specified caller reference.",
            )
        return original(self, name.lower(), *args, **kwargs)

    @instead(Route53Backend, "delete_hosted_zone")
    def delete_hosted_zone(self: Any, id_: str) -> Any:
        zone = self.get_hosted_zone(id_)
        apex = normal_name(zone.name)
        # Name servers of a delegated child are records like any other.
        if any(r.name != apex or r.type not in ("NS", "SOA") for r in zone.rrsets):
            raise HostedZoneNotEmpty()
        for number, delegation in list(self.delegation_sets.items()):
            if delegation is zone.delegation_set:
                del self.delegation_sets[number]
        self.resource_tags.pop(zone.resource_id, None)
        return self.zones.pop(zone.resource_id)


def _authorizations() -> None:
    """VPC association authorizations, which moto does not know: kept, listed, required nowhere."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.route53 import urls
    from moto.route53.responses import Route53

    def key(response: Any) -> tuple[str, str]:
        return response._get_param("VPC.VPCRegion"), response._get_param("VPC.VPCId")

    def create(self: Any) -> Any:
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        zone.awsdouble_authorizations = {*getattr(zone, "awsdouble_authorizations", ()), key(self)}
        region, vpc = key(self)
        return ActionResult(
            {"HostedZoneId": zone.resource_id, "VPC": {"VPCRegion": region, "VPCId": vpc}}
        )

    def delete(self: Any) -> Any:
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        zone.awsdouble_authorizations = {*getattr(zone, "awsdouble_authorizations", ())} - {
            key(self)
        }
        return EmptyResult()

    Route53.create_vpc_association_authorization = create
    Route53.delete_vpc_association_authorization = delete
    base = r"{0}/(?P<api_version>[\d_-]+)/hostedzone/(?P<zone_id>[^/]+)"
    for path in ("authorizevpcassociation", "deauthorizevpcassociation"):
        urls.url_paths[f"{base}/{path}/?$"] = Route53.dispatch
