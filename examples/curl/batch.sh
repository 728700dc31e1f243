#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

accepted=$(call POST /api/v1/messages/batch '{"messages":[
  {"user_id":"ann","content":"Later is fine.","priority":"low"},
  {"user_id":"ann","content":"Soon, please.","priority":"high"},
  {"user_id":"ann","content":"A person is waiting.","priority":"realtime"}]}')
echo "$accepted"

# The answers, each once it is there.
for id in $(echo "$accepted" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4); do
  call GET "/api/v1/messages/$id?wait=30s"
done
