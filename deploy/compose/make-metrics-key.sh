#!/bin/sh
# Adds to .env what deploy/compose/observability.yml reads: a key with which Prometheus may read, and a password of Grafana;
# and where the processes of the queue send their traces.
# Run in the project's folder, behind deploy/make-env.sh.
set -eu
umask 077

file=.env
[ -e "$file" ] || { echo "There is no $file here. Run sh deploy/make-env.sh first." >&2; exit 1; }
if grep -q '^LLMQ_METRICS_KEY=' "$file"; then
  echo "$file has a key for Prometheus already and was left as it is." >&2
  exit 1
fi

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

key="llmq_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')"
digest=$(printf %s "$key" | sha256)
[ "${#digest}" -eq 64 ] || { echo "Neither sha256sum nor shasum works here." >&2; exit 1; }

cat >>"$file" <<END
LLMQ_METRICS_KEY=$key
LLMQ_MORE_API_KEYS=', {"name": "prometheus", "role": "viewer", "sha256": "$digest"}'
GRAFANA_PASSWORD=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318
END

echo "Added to $file: a key for Prometheus, Grafana's password, and where traces go. Processes of the queue that run take them at their next start."
