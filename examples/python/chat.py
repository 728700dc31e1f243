"""A chat with OpenAI's own client: pip install openai"""

from llmq import KEY, MODEL, URL
from openai import OpenAI

# The queue may keep a request for longer than a model would take. A request that is repeated joins its first message.
client = OpenAI(base_url=f"{URL}/v1", api_key=KEY, timeout=600, max_retries=2)

completion = client.chat.completions.create(
    model=MODEL,
    messages=[{"role": "user", "content": "What is a queue?"}],
    extra_headers={"x-llmq-priority": "high", "x-llmq-user-id": "ann"},
)
print(completion.choices[0].message.content)
