#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

# With this header the request can be sent again after a lost connection: the message is stored once.
accepted=$(call POST /api/v1/messages '{"user_id":"ann","content":"What is a turn?","priority":"low"}' \
  "idempotency-key: example-$$-$(date +%s)")
echo "$accepted"

# Later, from anywhere; the request waits half a minute for the answer if there is none yet.
call GET "/api/v1/messages/$(echo "$accepted" | first_id)?wait=30s"
