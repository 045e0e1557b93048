#!/usr/bin/env bash
# Runs the integration and the e2e tests on a version of Kubernetes for which localkube has module files:
#
#   hack/test-kubernetes.sh 1.34
#
# It compiles that version once, into bin/kubernetes-1.34. The version of localkube/go.mod is accepted, too.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

version=${1:-}
current=$(sed -n 's|^\tk8s.io/kubernetes v\(1\.[0-9]*\)\..*|\1|p' localkube/go.mod)
[ -n "$version" ] || die "no version of Kubernetes given" "make test-kubernetes VERSION=1.34"
mod=go.mod
unset KUBERNETES_VERSION
if [ "$version" != "$current" ]; then
	export KUBERNETES_VERSION=$version
	mod=versions/$version.mod
fi

hack/build-localkube.sh
say "comparing flags and files of the components with those of Kubernetes $version"
go test -C localkube -modfile="$mod" -vet=off -count=1 ./internal/role # vet would read all of Kubernetes again
make --no-print-directory --keep-going test-integration test-e2e
say "Kubernetes $version passed"
