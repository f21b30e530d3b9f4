"""The policy actions that requests need, for the messages of denied requests.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

# The actions on a bucket, by the query parameter of the request.
_SETTINGS = {
    "policy": "BucketPolicy",
    "versioning": "BucketVersioning",
    "lifecycle": "LifecycleConfiguration",
    "object-lock": "BucketObjectLockConfiguration",
    "tagging": "BucketTagging",
    "cors": "BucketCORS",
}
_BUCKET = {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "DeleteObject"}
_OBJECT = {"PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}


def name_action(method: str, of_object: bool, query: str) -> str:
    """Return the action that a request needs, such as "s3:GetObject"."""
    names = {part.partition("=")[0] for part in query.split("&")}
    return "s3:" + (
        _name_object_action(method, names) if of_object else _name_bucket_action(method, names)
    )


def _name_object_action(method: str, names: set[str]) -> str:
    if "tagging" in names:
        return "GetObjectTagging"
    if "uploadId" in names and method in {"GET", "DELETE"}:
        return "ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"
    return _OBJECT.get(method, "GetObject")


def _name_bucket_action(method: str, names: set[str]) -> str:
    for name, setting in _SETTINGS.items():
        if name in names:
            verb = "Get" if method == "GET" else "Put"
            return f"{'Delete' if (method, name) == ('DELETE', 'policy') else verb}{setting}"
    if "uploads" in names:
        return "ListBucketMultipartUploads"
    return _BUCKET.get(method, "ListBucket")
