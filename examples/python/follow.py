"""Follows a message with the standard library alone, and goes on where the connection was cut."""

import json
import urllib.request

from llmq import KEY, MODEL, URL, call

asked = {"user_id": "ann", "content": "What is a piece?", "model": MODEL}
message_id = call("POST", "/api/v1/messages", asked)["id"]

last_id = "0"
answer = ""


def follow(cut_after=None):
    """Reads the stream behind `last_id`. True at its end; False where it was cut."""
    global last_id, answer
    request = urllib.request.Request(
        f"{URL}/api/v1/messages/{message_id}/stream",
        headers={"authorization": f"Bearer {KEY}", "last-event-id": last_id},
    )
    pieces = 0
    new_id = None
    with urllib.request.urlopen(request, timeout=90) as response:
        for line in response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                new_id = value
            if name != "data":
                continue
            last_id, new_id = new_id or last_id, None
            told = json.loads(value)
            if told["type"] == "status":
                print(told["message"]["status"], told["message"]["position"] or "")
            elif told["type"] == "restart":
                answer = ""
            elif told["type"] == "piece":
                answer += told["delta"].get("content") or ""
                pieces += 1
            elif told["type"] == "ended":
                return True
            if pieces == cut_after:
                return False
    return False


# The connection is lost after two pieces. Whoever comes back with the last id misses nothing.
ended = follow(cut_after=2)
while not ended:
    ended = follow()
print(answer)
