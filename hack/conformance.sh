#!/usr/bin/env bash
# Applies every YAML file of a folder to the cluster of the current kubeconfig, each in a namespace of its own, waits, prints a
# table, and fails unless every file ended as it has to. As a rule make calls it:
#
#   make conformance SUITE=DIR [MODE=termination-message|sidecar-logs] [ONLY=REGEXP] [PARALLEL=N] [TIMEOUT=3m] [KEEP=1]
#
# MODE sets results-from for as long as it runs. KEEP=1 leaves the namespaces there. A file says in a comment that its runs
# have to fail; see go doc ./test/conformance. On localkube, make standins first: files name public images.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

[ -n "${SUITE:-}" ] || die "SUITE is not set" "make conformance SUITE=examples/taskruns, or any other folder with YAML files"
go build -o bin/conformance ./test/conformance
exec bin/conformance -suite "$SUITE" -expect test/conformance/expect.txt \
	${MODE:+-mode "$MODE"} ${ONLY:+-only "$ONLY"} ${PARALLEL:+-parallel "$PARALLEL"} ${TIMEOUT:+-timeout "$TIMEOUT"} ${KEEP:+-keep}
