"""OpenAI's Agents SDK, which asks by Responses: `agent.py <case>`, against LLMQ_URL."""

import asyncio
import os
import sys

from agents import (
    Agent,
    Runner,
    SQLiteSession,
    function_tool,
    set_default_openai_client,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

set_tracing_disabled(True)
set_default_openai_client(
    AsyncOpenAI(base_url=f"{os.environ['LLMQ_URL']}/v1", api_key="none", max_retries=0)
)

QUESTION = "[[demo:tool get_weather city=Berlin]] How is it there?"


@function_tool
def get_weather(city: str) -> str:
    """How the weather is."""
    return f"It rains in {city}."


forecaster = Agent(name="forecaster", instructions="Be short.", model="demo-fast", tools=[get_weather])


def run():
    result = Runner.run_sync(forecaster, QUESTION)
    assert "It rains in Berlin." in result.final_output, result


def stream():
    async def streamed():
        result = Runner.run_streamed(forecaster, QUESTION)
        types = [event.type async for event in result.stream_events()]
        assert "raw_response_event" in types, types
        assert "It rains in Berlin." in result.final_output, result

    asyncio.run(streamed())


def session():
    """What was said before is sent again."""

    async def talk():
        kept = SQLiteSession("talk")
        await Runner.run(forecaster, "My name is Ann.", session=kept)
        result = await Runner.run(forecaster, "What is my name?", session=kept)
        assert "What is my name?" in result.final_output, result
        assert len(await kept.get_items()) == 4

    asyncio.run(talk())


if __name__ == "__main__":
    globals()[sys.argv[1]]()
