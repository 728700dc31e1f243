"""Many messages in one request, each with a priority of its own."""

from llmq import answer_of, call

PRIORITIES = ("low", "normal", "high", "realtime")
messages = [
    {"user_id": "ann", "content": f"A question of priority {priority}", "priority": priority}
    for priority in PRIORITIES
]

batch = call("POST", "/api/v1/messages/batch", {"messages": messages})
print(batch["accepted"], "accepted,", batch["rejected"], "rejected")
for result in batch["results"]:
    print(result["priority"], answer_of(result["id"]))
