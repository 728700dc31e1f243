#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

conversation=$(call POST /api/v1/conversations '{"user_id":"ann","context":"Answer briefly."}' | first_id)

for question in 'My name is Ann.' 'What is my name?'; do
  turn=$(call POST "/api/v1/conversations/$conversation/messages" "{\"content\":\"$question\"}" | first_id)
  call GET "/api/v1/messages/$turn?wait=30s"
done

call GET "/api/v1/conversations/$conversation/messages"
