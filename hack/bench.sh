#!/usr/bin/env bash
# Measures on the current cluster what a TaskRun takes, in both ways of results, beside bare pods; see go doc ./test/load/bench.
# Sluice is deployed first, with the right to read logs, if no controller is there.
#
#   hack/bench.sh                                   everything: about 25 minutes
#   hack/bench.sh -only pod,seq,burst20 -n 10       some rows, for a change at hand: about 4 minutes
#   hack/with-localkube.sh hack/bench.sh [OPTION…]  on a cluster that exists only for this
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

if ! "$KUBECTL" get deployments -n tekton-pipelines -o name 2>/dev/null | grep -q .; then
	registry=$(localkube_registry) || [ -n "${KO_DOCKER_REPO:-}" ] ||
		die "there is no controller to measure" "deploy one: make deploy; or measure on localkube: hack/with-localkube.sh hack/bench.sh"
	hack/deploy.sh
	"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2
	[ -z "$registry" ] || hack/images/busybox.sh ${LOCALKUBE_DIR:+--dir "$LOCALKUBE_DIR"} >&2
fi
go build -o bin/bench ./test/load/bench
exec bin/bench "$@"
