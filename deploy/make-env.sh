#!/bin/sh
# Makes the .env that docker-compose.yml reads: passwords of the servers, and the SHA-256 of one API key.
# The key itself is shown once and stored nowhere. Run in the project's folder.
set -eu
umask 077

file=.env
if [ -e "$file" ]; then
  echo "$file is here already and was left as it is. The data of the containers belongs to its passwords." >&2
  echo "For another key replace LLMQ_API_KEY_SHA256 in it; to start afresh: docker compose down --volumes && rm $file" >&2
  exit 1
fi

random_hex() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

# As `npm run keys:create` makes them: 32 random bytes in base64url, so that logs take it out in the same way.
key="llmq_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')"
digest=$(printf %s "$key" | sha256)
[ "${#digest}" -eq 64 ] || { echo "Neither sha256sum nor shasum works here." >&2; exit 1; }

cat >"$file" <<END
NATS_PASSWORD=$(random_hex)
POSTGRES_PASSWORD=$(random_hex)
LLMQ_API_KEY_SHA256=$digest
END

echo "Written: $file (passwords and the key's SHA-256)."
echo "API key, shown this once:"
echo
echo "  $key"
echo
echo "Next: docker compose up --wait"
