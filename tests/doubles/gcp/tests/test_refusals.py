"""What the published description refuses is refused, before anything is done."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import ZONE, Mine

NEW = {"name": "one", "machineType": f"zones/{ZONE}/machineTypes/n2-standard-4"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({**NEW, "colour": "red"}, "colour"),
        ({**NEW, "canIpForward": "yes"}, "canIpForward"),
        ({**NEW, "disks": {}}, "disks"),
        ({**NEW, "labels": {"team": 1}}, "labels"),
        ({**NEW, "scheduling": {"provisioningModel": "CHEAP"}}, "provisioningModel"),
        ({**NEW, "scheduling": {"minNodeCpus": 2**31}}, "minNodeCpus"),
        ({**NEW, "name": "Not_A_Name"}, "name"),
        ({"machineType": NEW["machineType"]}, "name"),
        ({"name": "one"}, "machineType"),
        ([], "body"),
    ],
)
def test_bodies(mine: Mine, body: Any, word: str) -> None:
    status, answer = mine.raw("POST", f"zones/{ZONE}/instances", body)
    assert (status, word in answer["error"]["message"]) == (400, True), answer
    assert mine.double.admin("GET", f"instances/{mine.id}")["instances"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("aggregated/instances?colour=red", 400),
        ("aggregated/instances?maxResults=many", 400),
        ("aggregated/instances?includeAllScopes=1", 400),
        ("aggregated/instances?pageToken=%2A", 400),
        ("aggregated/instances?fields=items/*/instances(colour)", 400),
        ("aggregated/instances?fields=items(", 400),
        (f"zones/{ZONE}/instances/Not_A_Name", 400),
        ("zones/mars-1/instances", 400),
        (f"zones/{ZONE}/instances/absent", 404),
        ("aggregated/machines", 404),
    ],
)
def test_parameters_and_paths(mine: Mine, path: str, status: int) -> None:
    assert mine.raw("GET", path)[0] == status


def test_what_is_read_only_is_ignored(mine: Mine) -> None:
    body = {**NEW, "status": "TERMINATED", "id": "1"}
    assert mine.raw("POST", f"zones/{ZONE}/instances", body)[0] == 200
    assert mine.status("one") == "PROVISIONING"


def test_a_field_mask_leaves_what_it_names(mine: Mine) -> None:
    mine.insert("one", labels={"team": "a"})
    mask = "items/*/instances(name,labels),items.*.warning.code,nextPageToken"
    for query, headers in ((f"?fields={mask}", {}), ("", {"X_Goog_FieldMask": mask})):
        status, answer = mine.raw("GET", f"aggregated/instances{query}", **headers)
        assert status == 200
        assert set(answer) == {"items"}
        scope = answer["items"][f"zones/{ZONE}"]
        assert scope == {"instances": [{"name": "one", "labels": {"team": "a"}}]}
        assert answer["items"]["zones/us-central1-b"] == {"warning": {"code": "NO_RESULTS_ON_PAGE"}}


def test_the_same_request_does_its_work_once(mine: Mine) -> None:
    mine.insert("one")
    path = f"zones/{ZONE}/instances/one/stop?requestId=5c1d6d3e-4c2b-4d51-9f6e-1b1f2a3c4d5e"
    first, second = mine.raw("POST", path)[1], mine.raw("POST", path)[1]
    assert first["name"] == second["name"]
    assert mine.raw("POST", f"zones/{ZONE}/instances/one/stop")[0] == 304


def test_local_disks_are_not_lost_by_accident(mine: Mine) -> None:
    mine.insert("one", disks=[{"type": "SCRATCH"}])
    path = f"zones/{ZONE}/instances/one/stop"
    assert mine.raw("POST", path)[0] == 400
    assert mine.raw("POST", f"{path}?discardLocalSsd=true")[0] == 200


def test_the_log_keeps_no_secret(mine: Mine) -> None:
    mine.insert("one")
    calls = mine.double.admin("GET", f"calls?project={mine.id}")["calls"]
    assert "instances.insert" in [call["method"] for call in calls]
    assert mine.key["private_key"] not in str(calls)
    assert "ya29." not in str(calls)
