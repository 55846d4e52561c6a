"""Google's client drives the double."""

from __future__ import annotations

import pytest
from conftest import ZONE, Mine
from google.api_core import exceptions
from google.auth.exceptions import RefreshError


def test_a_machine_passes_through_its_states(mine: Mine) -> None:
    mine.insert("one")
    began = mine.ask("stop", instance="one")
    assert began["status"] in ("PENDING", "RUNNING")
    assert mine.ask("get", instance="one")["status"] == "STOPPING"
    with pytest.raises(exceptions.BadRequest):
        mine.ask("start", instance="one")
    mine.settle()
    done = mine.ask("operation", operation=began["operation"])
    assert (done["status"], done["errors"]) == ("DONE", [])
    assert mine.ask("get", instance="one")["status"] == "TERMINATED"
    mine.ask("start", instance="one")
    assert mine.ask("get", instance="one")["status"] == "STAGING"
    mine.settle()
    assert [one["status"] for one in mine.ask("zone")] == ["RUNNING"]
    mine.ask("delete", instance="one")
    mine.settle()
    with pytest.raises(exceptions.NotFound):
        mine.ask("get", instance="one")


def test_lists_have_pages_scopes_and_filters(mine: Mine) -> None:
    for index in range(5):
        mine.insert(f"left-{index}", labels={"team": "a"})
        mine.insert(f"right-{index}", zone="europe-west1-b")
    everything = mine.ask("list", max_results=3)
    assert (everything["pages"], len(everything["machines"])) == (4, 10)
    assert everything["warnings"] == ["NO_RESULTS_ON_PAGE"]
    assert {one["zone"] for one in everything["machines"]} == {ZONE, "europe-west1-b"}
    for text, count in [
        ('name eq "left-.*"', 5),
        ('name eq "left"', 0),
        ("name:left*", 5),
        ("name = left-1", 1),
        ("labels.team:*", 5),
        ("labels.team = b", 0),
        ('(name eq ".*-1") (labels.team = a)', 1),
        ("name ne left-.*", 5),
    ]:
        assert len(mine.ask("list", filter=text)["machines"]) == count, text
    with pytest.raises(exceptions.BadRequest):
        mine.ask("list", filter="name like left")
    with pytest.raises(exceptions.BadRequest):
        mine.ask("list", max_results=501)


def test_a_failed_operation_says_why(mine: Mine) -> None:
    mine.insert("one")
    mine.ask("stop", instance="one")
    mine.settle()
    mine.fault(method="instances.start", when="operation", reason="QUOTA_EXCEEDED", status=403)
    began = mine.ask("start", instance="one")
    mine.settle()
    done = mine.ask("operation", operation=began["operation"])
    assert done["errors"] == ["QUOTA_EXCEEDED"]
    assert mine.status("one") == "TERMINATED"


def test_credentials_are_looked_at(mine: Mine, double) -> None:
    assert mine.ask("token")
    other = Mine(double)
    with pytest.raises(exceptions.Forbidden):
        other.ask("list", project=mine.id)
    wrong = {**mine.key, "private_key": other.key["private_key"]}
    with pytest.raises(RefreshError):
        mine.ask("token", key=wrong)
    double.admin("DELETE", f"keys?project={other.id}")
    with pytest.raises(exceptions.Unauthorized):
        other.ask("list")
    with pytest.raises(RefreshError):
        other.ask("token")


def test_faults_strike_as_ordered(mine: Mine) -> None:
    mine.insert("one")
    mine.fault(method="instances.aggregatedList", reason="rateLimitExceeded", status=403, count=1)
    with pytest.raises(exceptions.Forbidden):
        mine.ask("list")
    assert len(mine.ask("list")["machines"]) == 1
    mine.fault(method="instances.stop", when="after", reason="backendError", status=503, count=1)
    with pytest.raises(exceptions.ServiceUnavailable):
        mine.ask("stop", instance="one")
    assert mine.status("one") == "STOPPING"
