# What the examples share; they read it in. `call METHOD PATH [BODY [HEADER]]` writes the JSON of the response.
URL=${LLMQ_URL:-http://127.0.0.1:8080}
KEY=${LLMQ_KEY:-any}
MODEL=${LLMQ_MODEL:-demo}

call() {
  curl -sS --fail-with-body -X "$1" "$URL$2" -H "authorization: Bearer $KEY" \
    ${3:+-H 'content-type: application/json' -d "$3"} ${4:+-H "$4"}
  echo
}

# The first id in the JSON that comes in.
first_id() {
  sed -n 's/^[^"]*"id":"\([^"]*\)".*/\1/p' | head -n 1
}
