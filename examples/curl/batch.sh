#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

call POST /api/v1/messages/batch '{"messages":[
  {"user_id":"ann","content":"Later is fine.","priority":"low"},
  {"user_id":"ann","content":"Soon, please.","priority":"high"},
  {"user_id":"ann","content":"A person is waiting.","priority":"realtime"}]}'

# The answers, once they are there: the newest message first.
sleep 2
call GET '/api/v1/messages?user_id=ann&limit=3'
