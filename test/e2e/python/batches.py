"""Files and batches, as the package `openai` has them: `batches.py <case>`, against LLMQ_URL."""

import json
import os
import sys
import time

from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['LLMQ_URL']}/v1", api_key="none", max_retries=0)

PATIENCE_S = 240


def line(custom_id, url, body):
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body})


def batch_of(lines, endpoint):
    name = "lines.jsonl"
    file = client.files.create(file=(name, "\n".join(lines).encode()), purpose="batch")
    assert (file.filename, file.purpose) == (name, "batch"), file
    batch = client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"of": "python"}
    )
    assert batch.metadata == {"of": "python"}, batch
    return batch


def ended(batch_id):
    until = time.monotonic() + PATIENCE_S
    while True:
        batch = client.batches.retrieve(batch_id)
        if batch.status in ("completed", "failed", "cancelled", "expired"):
            return batch
        assert time.monotonic() < until, f"it is still {batch.status}"
        time.sleep(0.1)


def results_in(file_id):
    return [json.loads(each) for each in client.files.content(file_id).text.splitlines()]


def chats():
    url = "/v1/chat/completions"
    asked = {f"line-{n}": f"Question {n}?" for n in range(20)}
    lines = [
        line(name, url, {"model": "demo", "messages": [{"role": "user", "content": text}]})
        for name, text in asked.items()
    ]
    lines.append(
        line("refused", url, {"model": "demo", "messages": [{"role": "user", "content": "[[demo:fail 422]]"}]})
    )
    batch = ended(batch_of(lines, url).id)
    assert batch.status == "completed", batch
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (21, 20, 1), batch
    results = {result["custom_id"]: result["response"] for result in results_in(batch.output_file_id)}
    assert results.keys() == asked.keys(), results.keys()
    for name, text in asked.items():
        assert results[name]["status_code"] == 200
        assert text in results[name]["body"]["choices"][0]["message"]["content"]
    [refused] = results_in(batch.error_file_id)
    assert (refused["custom_id"], refused["response"]["status_code"]) == ("refused", 422), refused
    assert batch.id in [each.id for each in client.batches.list(limit=20)]
    for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
        assert client.files.delete(file_id).deleted is True


def responses():
    url = "/v1/responses"
    batch = ended(batch_of([line("one", url, {"model": "demo", "input": "What is a lane?"})], url).id)
    assert batch.status == "completed", batch
    [result] = results_in(batch.output_file_id)
    body = result["response"]["body"]
    assert body["object"] == "response", body
    assert "a lane" in body["output"][-1]["content"][0]["text"], body
    assert client.responses.retrieve(body["id"]).output_text == body["output"][-1]["content"][0]["text"]


def cancelled():
    url = "/v1/chat/completions"
    slow = {"model": "demo", "messages": [{"role": "user", "content": "[[demo:hang]] Late."}]}
    batch = batch_of([line(f"line-{n}", url, slow) for n in range(3)], url)
    client.batches.cancel(batch.id)
    batch = ended(batch.id)
    assert batch.status == "cancelled", batch
    if batch.error_file_id:
        codes = {result["error"]["code"] for result in results_in(batch.error_file_id)}
        assert codes == {"batch_cancelled"}, codes


def wrong():
    batch = ended(batch_of(["{"], "/v1/chat/completions").id)
    assert batch.status == "failed", batch
    assert batch.errors.data[0].line == 1, batch


if __name__ == "__main__":
    globals()[sys.argv[1]]()
