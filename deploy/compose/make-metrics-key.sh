#!/bin/sh
# Adds to .env what deploy/compose/observability.yml reads: a key with which Prometheus may read, and a password of Grafana.
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
END

echo "Added to $file: a key for Prometheus, and Grafana's password. Processes of the queue that run take the key at their next start."
