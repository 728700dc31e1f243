#!/bin/sh
set -eu
. "$(dirname "$0")/llmq.sh"

id=$(call POST /api/v1/messages '{"user_id":"ann","content":"What is a piece?"}' | first_id)

# -N shows each event as it comes. To go on after a cut, send the last id: -H "last-event-id: 7"
curl -sSN "$URL/api/v1/messages/$id/stream" -H "authorization: Bearer $KEY"
