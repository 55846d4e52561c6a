"""S3: a bucket with unfinished uploads is not empty either."""

from __future__ import annotations

from typing import Any

from .patch import around


def close() -> None:
    from moto.s3.models import S3Backend

    @around(S3Backend, "delete_bucket")
    def _(original: Any, self: Any, bucket_name: str) -> Any:
        # None is what moto takes for "not empty".
        if self.get_bucket(bucket_name).multiparts:
            return None
        bucket = original(self, bucket_name)
        if bucket is not None:
            self.tagger.delete_all_tags_for_resource(bucket.arn)
        return bucket
