"""Responses and conversations, as the package `openai` has them: `responses.py <case>`, against LLMQ_URL."""

import os
import sys
import time

from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['LLMQ_URL']}/v1", api_key="none", max_retries=0)

# Of a machine that does much else: only a failure takes so long.
PATIENCE_S = 240

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


def ended(response_id):
    until = time.monotonic() + PATIENCE_S
    while True:
        response = client.responses.retrieve(response_id)
        if response.status not in ("queued", "in_progress"):
            return response
        assert time.monotonic() < until, f"it is still {response.status}"
        time.sleep(0.1)


def plain():
    response = client.responses.create(model="demo", input="What is a lane?")
    assert response.status == "completed", response
    assert "a lane" in response.output_text, response
    assert response.usage.total_tokens > 0, response
    assert client.responses.retrieve(response.id).output_text == response.output_text
    [item] = client.responses.input_items.list(response.id).data
    assert item.content[0].text == "What is a lane?", item


def stream():
    with client.responses.stream(model="demo", input="Tell me of turns.") as events:
        said = [event.delta for event in events if event.type == "response.output_text.delta"]
        final = events.get_final_response()
    assert said, final
    assert "".join(said) == final.output_text, final
    assert "of turns" in final.output_text, final


def tools():
    question = "[[demo:tool get_weather city=Berlin]] How is it there?"
    called = client.responses.create(model="demo", input=question, tools=[WEATHER])
    [call] = called.output
    assert (call.type, call.name) == ("function_call", "get_weather"), call
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "It rains in Berlin."}
    answered = client.responses.create(
        model="demo", input=[result], tools=[WEATHER], previous_response_id=called.id
    )
    assert "It rains in Berlin." in answered.output_text, answered
    with client.responses.stream(model="demo", input=question, tools=[WEATHER]) as events:
        arguments = [
            event.delta for event in events if event.type == "response.function_call_arguments.delta"
        ]
        [streamed] = events.get_final_response().output
    assert "".join(arguments) == streamed.arguments == call.arguments, streamed


def resume():
    """A response in the background is left at its first events, and its stream gone on with."""
    had = []
    with client.responses.create(
        model="demo", input="[[demo:rate 50]] On and on.", background=True, stream=True
    ) as events:
        for event in events:
            had.append(event)
            if event.type == "response.output_text.delta":
                break
    response_id = had[0].response.id
    rest = list(
        client.responses.retrieve(response_id, stream=True, starting_after=had[-1].sequence_number)
    )
    everything = had + rest
    assert [event.sequence_number for event in everything] == list(range(len(everything)))
    said = "".join(event.delta for event in everything if event.type == "response.output_text.delta")
    assert rest[-1].type == "response.completed", rest[-1]
    assert said == rest[-1].response.output_text == ended(response_id).output_text


def background():
    """A client that goes away at the first event, and one that cancels."""
    with client.responses.create(
        model="demo", input="In the dark.", background=True, stream=True
    ) as events:
        first = next(iter(events))
    assert ended(first.response.id).status == "completed"
    slow = client.responses.create(model="demo", input="[[demo:hang]] Late.", background=True)
    assert slow.status == "queued", slow
    client.responses.cancel(slow.id)
    assert ended(slow.id).status == "cancelled"


def conversations():
    conversation = client.conversations.create(
        items=[{"role": "user", "content": "My name is Ann."}], metadata={"topic": "names"}
    )
    response = client.responses.create(
        model="demo", conversation=conversation.id, input="What is my name?"
    )
    assert response.conversation.id == conversation.id, response
    items = client.conversations.items.list(conversation.id, order="asc").data
    assert [item.role for item in items] == ["user", "user", "assistant"], items
    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "names"}
    assert client.conversations.delete(conversation.id).deleted is True


if __name__ == "__main__":
    globals()[sys.argv[1]]()
