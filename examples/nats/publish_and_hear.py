"""Publishes a message to NATS, and hears its result there. Needs the packages nats-py and nkeys."""

import asyncio
import json
import os
import uuid

import nats

URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
# A file with the seed that `npm run keys:create -- --nats` has printed.
SEED = os.environ["LLMQ_NKEY_FILE"]


async def main():
    client = await nats.connect(URL, nkeys_seed=SEED)
    # A UUID as its name is the message's id. Published again under this name, it stays one message.
    name = str(uuid.uuid4())
    results = await client.subscribe(f"llmq.results.{name}")
    message = {"user_id": "ann", "content": "What is a queue?"}
    ack = await client.jetstream().publish(
        "llmq.intake.high", json.dumps(message).encode(), headers={"Nats-Msg-Id": name}
    )
    print("stored", ack.stream, ack.seq)
    result = json.loads((await results.next_msg(timeout=60)).data)
    print(result["status"], result["result"]["content"])
    # The same in one request.
    call = {**message, "content": "What is a turn?", "wait": "30s"}
    reply = await client.request("llmq.rpc.messages.submit", json.dumps(call).encode(), timeout=40)
    print(json.loads(reply.data)["data"]["result"]["content"])
    await client.drain()


asyncio.run(main())
