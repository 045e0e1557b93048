#!/usr/bin/env bash
# Applies every YAML file of a folder to the cluster of the current kubeconfig, each in a separate namespace. Waits for the
# runs, prints a table, and fails unless every file ended as expected. Usually make calls it:
#
#   make conformance SUITE=DIR [MODE=termination-message|sidecar-logs] [ONLY=REGEXP] [PARALLEL=N] [TIMEOUT=3m] [KEEP=1]
#                    [BESIDE=1 [STRICT=1]]
#
# MODE sets results-from during the test. KEEP=1 keeps the namespaces. BESIDE=1 tests Sluice beside Tekton, in namespaces with its
# label; STRICT=1 also refuses what Tekton's webhook refuses. hack/beside.sh makes such a cluster of a localkube cluster. A comment in a file says that its runs must fail; see
# go doc ./test/conformance. On localkube, run make standins first, because the files name public images.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

[ -n "${SUITE:-}" ] || die "SUITE is not set" "make conformance SUITE=examples/taskruns, or any other folder with YAML files"
go build -o bin/conformance ./test/conformance
strict=()
if [ -n "${STRICT:-}" ]; then
	. hack/kubectl.sh
	pods=$(localkube_registry --pods) || die "STRICT needs a localkube cluster with a node"
	# The API server has its own network namespace. This is the address of this machine that it reaches.
	strict=(-strict "$(ip -o route get "${pods%:*}" | sed -n 's/.* src \([^ ]*\).*/\1/p')")
fi
exec bin/conformance -suite "$SUITE" -expect test/conformance/expect.txt \
	${MODE:+-mode "$MODE"} ${ONLY:+-only "$ONLY"} ${PARALLEL:+-parallel "$PARALLEL"} ${TIMEOUT:+-timeout "$TIMEOUT"} ${KEEP:+-keep} \
	${BESIDE:+-beside} "${strict[@]}"
