#!/usr/bin/env bash
# Makes the cluster of the current kubeconfig one with Tekton's kinds, settings and a Deployment with the name of its controller,
# which does nothing, and installs Sluice beside it. Then, for example:
#
#   make conformance SUITE=examples BESIDE=1 STRICT=1 MODE=sidecar-logs
#   SLUICE_BESIDE=1 go test -count=1 -tags=e2e -run=TestCustomTasks ./test/suites/e2e
#
# STEP_IMAGES=busybox builds no other image for steps.
#
# It is for a localkube cluster. An installation of Sluice as the only controller must be removed first: make undeploy.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

pods=$(localkube_registry --pods) || die "the current cluster is not a localkube cluster" \
	"hack/with-localkube.sh bash -c 'hack/beside.sh && …'"
export KO_DOCKER_REPO=${KO_DOCKER_REPO:-$(localkube_registry)/sluice}

hack/images/"${STEP_IMAGES:-standin}".sh ${LOCALKUBE_DIR:+--dir "$LOCALKUBE_DIR"} >&2
images=$(hack/images.sh)
go build -o bin/ ./cmd/sluice

say "applying Tekton's kinds and settings"
go run ./test/testutil/standin/manifests | "$KUBECTL" apply --server-side -f - | sed 's/^/    /' >&2
established tasks.tekton.dev taskruns.tekton.dev pipelines.tekton.dev pipelineruns.tekton.dev stepactions.tekton.dev \
	customruns.tekton.dev resolutionrequests.resolution.tekton.dev

say "installing Sluice beside it"
bin/sluice install --beside-tekton --image "$(grep /controller@ <<<"$images")" --inpod-image "$(grep /inpod@ <<<"$images")" \
	--controller-arg="--registry-mirror=*=http://$pods" --results-from sidecar-logs --max-result-size 1000000
