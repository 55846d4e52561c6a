"""boto3 clients of one account, and the admin path as a client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from functools import cache
from typing import Any

import boto3
from botocore.config import Config


class Account:
    """Clients of one account in one region."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        region: str,
        witness: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.witness = witness
        self.region = region
        self._session = boto3.session.Session(
            aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region
        )
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        return self._session.client(
            service,
            endpoint_url=self.endpoint,
            config=Config(
                retries={"max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path"},
                tcp_keepalive=True,
                # Keeps the oracle's calls out of the log and away from faults.
                user_agent_extra="leak-oracle" if self.witness else "",
            ),
        )

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All items of a listing, page by page where the operation has pages."""
        client = self.client(service)
        if client.can_paginate(operation):
            found: list[Any] = []
            for page in client.get_paginator(operation).paginate(**arguments):
                found += page.get(key) or []
            return found
        return getattr(client, operation)(**arguments).get(key) or []


class Admin:
    """The admin path of an emulated AWS."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._base = endpoint.rstrip("/") + "/_skep/"
        self._token = token

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"{method} {path}: {refused.read().decode()}") from refused
