"""What the examples share: one call of the REST API, with the standard library alone."""

import json
import os
import urllib.request

URL = os.environ.get("LLMQ_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("LLMQ_KEY", "any")
MODEL = os.environ.get("LLMQ_MODEL", "demo")


def call(method, path, body=None, headers=None):
    """Answers with the JSON of the response; a refusal is an urllib.error.HTTPError."""
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "authorization": f"Bearer {KEY}",
            "content-type": "application/json",
            **(headers or {}),
        },
    )
    with urllib.request.urlopen(request, timeout=90) as response:
        return json.load(response)


def answer_of(message_id):
    """Waits for the end of a message, however long that takes, by requests of half a minute each."""
    while True:
        message = call("GET", f"/api/v1/messages/{message_id}?wait=30s")
        if message["status"] == "completed":
            return message["result"]["content"]
        if message["status"] in ("failed", "cancelled", "expired"):
            raise RuntimeError(f"{message_id} {message['status']}: {message['error']}")
        print(f"waiting: position {message['position']}, for {message['waiting_for']}")
