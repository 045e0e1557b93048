#!/usr/bin/env bash
# Measures on the current cluster how long a TaskRun takes, with both values of results-from, compared with bare pods; see
# go doc ./test/load/bench. If the cluster has no controller, it deploys Sluice first, with the right to read logs.
#
#   hack/bench.sh                                   everything: about 25 minutes
#   hack/bench.sh -only pod,seq,burst20 -n 10       some rows, to check a change: about 4 minutes
#   hack/with-localkube.sh hack/bench.sh [OPTION…]  on a temporary cluster
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

if ! "$KUBECTL" get deployments -n tekton-pipelines -o name 2>/dev/null | grep -q .; then
	registry=$(localkube_registry) || [ -n "${KO_DOCKER_REPO:-}" ] ||
		die "cannot find a controller to measure" "deploy one: make deploy; or measure on localkube: hack/with-localkube.sh hack/bench.sh"
	hack/deploy.sh
	"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2
	[ -z "$registry" ] || hack/images/busybox.sh ${LOCALKUBE_DIR:+--dir "$LOCALKUBE_DIR"} >&2
fi
SLUICE_REGISTRY_OF_PODS=$(localkube_registry --pods || true) # for the row resolved
export SLUICE_REGISTRY_OF_PODS
go build -o bin/bench ./test/load/bench
exec bin/bench "$@"
