#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

# Somebody has to listen at this address: webhook.py and webhook.ts do.
HOOK=${LLMQ_HOOK_URL:-http://127.0.0.1:8787/}
id=$(call POST /api/v1/messages "{\"user_id\":\"ann\",\"content\":\"What is a webhook?\",\"callback_url\":\"$HOOK\"}" | first_id)

# What becomes of it when the message has ended, as an admin's key may read.
call GET "/api/v1/messages/$id?wait=60s" > /dev/null
call GET "/api/v1/webhooks/deliveries?message_id=$id"
