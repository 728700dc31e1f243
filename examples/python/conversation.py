"""A conversation: the service keeps the turns, orders them, and gives the model the history that fits."""

from llmq import answer_of, call

conversation = call("POST", "/api/v1/conversations", {"user_id": "ann", "context": "Answer briefly."})
turns = f"/api/v1/conversations/{conversation['id']}/messages"

for question in ("My name is Ann.", "What is my name?"):
    turn = call("POST", turns, {"content": question})
    print(">", question)
    print(answer_of(turn["id"]))

print(len(call("GET", turns)["data"]), "turns")
