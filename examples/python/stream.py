"""A streamed chat with OpenAI's own client: pip install openai"""

from llmq import KEY, MODEL, URL
from openai import OpenAI

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY, timeout=600)

stream = client.chat.completions.create(
    model=MODEL,
    messages=[{"role": "user", "content": "What is a lane?"}],
    stream=True,
    service_tier="priority",
)
# Known at once, so that the answer can be fetched later should the connection be lost.
print("message", stream.response.headers["x-llmq-message-id"])
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
