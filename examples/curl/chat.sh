#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

# The connection waits for the answer.
call POST /v1/chat/completions \
  "{\"model\":\"$MODEL\",\"messages\":[{\"role\":\"user\",\"content\":\"What is a queue?\"}]}" \
  'x-llmq-priority: high'
