#!/bin/sh
# Publishes a message to NATS with the `nats` command, and asks for an answer in one request.
set -eu
: "${NATS_URL:=nats://127.0.0.1:4222}"
# A file with the seed that `npm run keys:create -- --nats` has printed.
: "${LLMQ_NKEY_FILE:=publisher.nk}"

llmq_nats() { nats --server "$NATS_URL" --nkey "$LLMQ_NKEY_FILE" "$@"; }

llmq_nats pub --jetstream llmq.intake.high '{"user_id":"ann","content":"What is a queue?"}'
llmq_nats request --raw --timeout 40s llmq.rpc.messages.submit \
  '{"user_id":"ann","content":"What is a turn?","wait":"30s"}'
