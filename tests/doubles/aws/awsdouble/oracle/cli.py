"""The oracle on the command line: seed, snapshot, compare, counts.

`--config FILE` (or `-`) holds a JSON object: endpoint, access_key, secret_key, regions, and, to see
moto's own state, admin_token and account. Exit code 0: the account is as it was; 1: it is not; 2:
the oracle could not tell.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .clients import Account, Admin
from .compare import compare, count_by_kind, deleted, expect, report
from .seed import Seed
from .snapshot import snapshot


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("seed", "seed-late", "snapshot"):
        one = verbs.add_parser(verb)
        one.add_argument("--config", required=True)
        if verb != "snapshot":
            one.add_argument("--cluster", default="demo")
            one.add_argument("--base-domain", default="example.com")
            one.add_argument("--infra-id")
    verbs.choices["seed-late"].add_argument("--public-zone", required=True)
    verbs.choices["snapshot"].add_argument("--out", help="instead of the standard output")
    verbs.choices["snapshot"].add_argument("--no-settle", action="store_true")
    for verb in ("compare", "deleted"):
        one = verbs.add_parser(verb)
        one.add_argument("before")
        one.add_argument("after")
    verbs.choices["compare"].add_argument("--json", action="store_true")
    one = verbs.add_parser("expect", help="what shall be left: BEFORE and what was planted late")
    for name in ("before", "during", "planted"):
        one.add_argument(name)
    one = verbs.add_parser("count")
    one.add_argument("snapshot")
    one.add_argument("--base")
    options = parser.parse_args(argv)
    try:
        return globals()["_" + options.verb.replace("-", "_")](options)
    except Exception as failure:
        print(f"the oracle could not tell: {failure}", file=sys.stderr)
        return 2


def _seed(options: argparse.Namespace) -> int:
    config = _read(options.config)
    made = {}
    for region in config["regions"]:
        account = Account(config["endpoint"], config["access_key"], config["secret_key"], region)
        made[region] = Seed(
            account, options.cluster, options.base_domain, options.infra_id
        ).plant()
    print(json.dumps(made))
    return 0


def _seed_late(options: argparse.Namespace) -> int:
    config = _read(options.config)
    keys = config["access_key"], config["secret_key"]
    account = Account(config["endpoint"], *keys, config["regions"][0])
    seed = Seed(account, options.cluster, options.base_domain, options.infra_id)
    print(json.dumps(seed.plant_late(options.public_zone)))
    return 0


def _expect(options: argparse.Namespace) -> int:
    before, during, planted = map(_read, (options.before, options.during, options.planted))
    print(json.dumps(expect(before, during, planted)))
    return 0


def _snapshot(options: argparse.Namespace) -> int:
    config = _read(options.config)
    token = config.get("admin_token")
    taken = snapshot(
        config["endpoint"],
        config["access_key"],
        config["secret_key"],
        config["regions"],
        Admin(config["endpoint"], token) if token else None,
        config.get("account"),
        settle=not options.no_settle,
    )
    text = json.dumps(taken)
    if options.out:
        Path(options.out).write_text(text)
    else:
        print(text)
    return 0


def _compare(options: argparse.Namespace) -> int:
    verdict = compare(_read(options.before), _read(options.after))
    print(json.dumps(verdict) if options.json else report(verdict))
    return 0 if verdict["same"] else 1


def _deleted(options: argparse.Namespace) -> int:
    print(json.dumps(deleted(_read(options.before), _read(options.after))))
    return 0


def _count(options: argparse.Namespace) -> int:
    base = _read(options.base) if options.base else None
    print(json.dumps(count_by_kind(_read(options.snapshot), base)))
    return 0


def _read(path: str) -> Any:
    return json.loads(sys.stdin.read() if path == "-" else Path(path).read_text())
