#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

# -N shows each piece as it comes. Lines that begin with a colon tell what the message waits for.
curl -sSN "$URL/v1/chat/completions" -H "authorization: Bearer $KEY" -H 'content-type: application/json' \
  -d "{\"model\":\"$MODEL\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"What is a lane?\"}]}"
