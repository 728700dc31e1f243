"""A program as people write it whose client openapi-python-client generated from the description."""

import sys

from llmq import AuthenticatedClient
from llmq.api.messages import get_message, list_messages, submit_message
from llmq.api.openai import create_chat_completion
from llmq.models import ChatMessage, CreateChatCompletionBody, MessagePage, Problem, SubmitMessage
from llmq.types import UNSET

base_url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=base_url, token=key)

accepted = submit_message.sync(client=client, body=SubmitMessage(user_id="py", content="What is a queue?"))
message = get_message.sync(accepted.id, client=client, wait="60s")
assert message.status == "completed", message
assert message.result.content and message.deadline is None
assert message.scheduled_at is None and message.large_parts is UNSET

page = list_messages.sync(client=client, limit=50, user_id="py")
assert isinstance(page, MessagePage), page
refused = submit_message.sync(client=client, body=SubmitMessage(user_id="", content="x"))
assert isinstance(refused, Problem) and refused.code == "invalid_fields", refused

body = CreateChatCompletionBody(model=message.model, messages=[ChatMessage(role="user", content="Hello")])
chat = create_chat_completion.sync(client=client, body=body)
assert chat.choices[0].message.content, chat

print("completed, listed, refused, chatted")
