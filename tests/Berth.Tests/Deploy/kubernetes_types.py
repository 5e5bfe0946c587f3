"""Holds Kubernetes objects against Kubernetes' own types, as `kubectl apply --validate=strict` does.

Reads YAML documents from the standard input, and prints a line for each fault: an unknown kind or field, a missing
field, or a value of the wrong type. The types are those of Kubernetes' Python client.
"""
import json
import re
import sys

import kubernetes.client
import yaml

api = kubernetes.client.ApiClient()


class Answer:
    """What the client takes for an answer of the server."""

    def __init__(self, body):
        self.data = json.dumps(body)


def class_of(group_version, kind):
    """apps/v1 and Deployment: V1Deployment."""
    version = group_version.split("/")[-1]
    return re.sub("^v", "V", version) + kind


def differences(given, understood, path):
    if isinstance(given, dict) and isinstance(understood, dict):
        for key, value in given.items():
            if key not in understood:
                # The client drops what is empty, too.
                if value not in (None, {}, []):
                    yield f"{path}.{key}: no such field"
            else:
                yield from differences(value, understood[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(understood, list) and len(given) == len(understood):
        for index, (one, other) in enumerate(zip(given, understood)):
            yield from differences(one, other, f"{path}[{index}]")
    elif given != understood or type(given) is not type(understood):
        yield f"{path}: {given!r} is of the wrong type"


def faults(document):
    name = f"{document.get('kind')} {document.get('metadata', {}).get('name')}"
    try:
        type_name = class_of(document["apiVersion"], document["kind"])
        if not hasattr(kubernetes.client, type_name):
            yield f"{name}: {document['apiVersion']} has no such kind"
            return
        understood = api.sanitize_for_serialization(api.deserialize(Answer(document), type_name))
        yield from differences(document, understood, name)
    except (KeyError, ValueError, TypeError) as fault:
        yield f"{name}: {fault}"


for document in yaml.safe_load_all(sys.stdin):
    if document is not None:
        for fault in faults(document):
            print(fault)
