#!/usr/bin/env bash
# Follows enriched events with a durable consumer and the nats command line: subscribe.sh [SUBJECT] [COUNT].
set -euo pipefail
export NATS_URL=${NATS_URL:-nats://127.0.0.1:4222}
nats consumer info HERALD_ENRICHED example-shell >/dev/null 2>&1 ||
    nats consumer add HERALD_ENRICHED example-shell --pull --filter "${1:-herald.enriched.>}" --ack explicit --deliver all --defaults >/dev/null
nats consumer next HERALD_ENRICHED example-shell --count "${2:-10}" --ack
