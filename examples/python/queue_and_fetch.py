"""Puts a message into the queue, and fetches its answer later, from any program that knows the id."""

import uuid

from llmq import MODEL, answer_of, call

# With this header the request can be sent again after a lost connection: the message is stored once.
key = {"idempotency-key": str(uuid.uuid4())}
message = {"user_id": "ann", "content": "What is a turn?", "model": MODEL, "priority": "low"}

accepted = call("POST", "/api/v1/messages", message, key)
again = call("POST", "/api/v1/messages", message, key)
assert again["id"] == accepted["id"]

print("accepted", accepted["id"], accepted["priority"])
print(answer_of(accepted["id"]))
