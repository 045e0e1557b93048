#!/usr/bin/env bash
# Measures what it costs to serve tekton.dev/v1beta1 of TaskRuns; see go doc ./test/load/served. Deploys Sluice first, if the cluster has
# no controller.
#
#   hack/with-localkube.sh hack/bench-served.sh [-rounds N] [-writes N]
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

if ! "$KUBECTL" get deployments -n tekton-pipelines -o name 2>/dev/null | grep -q .; then
	hack/deploy.sh
fi
go build -o bin/served ./test/load/served
exec bin/served "$@"
