#!/usr/bin/env bash
# Stands in for Tekton in the test of docs/tutorials/side-by-side.md, on the localkube cluster of the current kubeconfig:
#
#   hack/tutorials/tekton.sh install    applies Tekton's kinds and settings, and a Deployment with the name of its controller
#   hack/tutorials/tekton.sh run        runs the controller of this project in its place, until it gets a signal
#
# The second one needs the image sluice.local/inpod:1, which the page makes.
set -euo pipefail
. "$(dirname "$0")/../env.sh"
cd "$root"
. hack/kubectl.sh

case ${1:-} in
install)
	for image in bin/images/*/; do bin/localkube load --archive "$image"; done # images of steps
	go run ./test/testutil/standin/manifests | "$KUBECTL" apply --server-side -f -
	established tasks.tekton.dev taskruns.tekton.dev pipelines.tekton.dev pipelineruns.tekton.dev stepactions.tekton.dev \
		customruns.tekton.dev resolutionrequests.resolution.tekton.dev
	"$KUBECTL" rollout status deployment/tekton-pipelines-controller -n tekton-pipelines --timeout=120s
	;;
run)
	exec bin/controller --namespace=tekton-pipelines --inpod-image=sluice.local/inpod:1 --webhook-port=0 \
		--metrics-bind-address=0 --health-probe-bind-address=127.0.0.1:0 --registry-mirror="*=http://$(localkube_registry)"
	;;
*) die "unknown command \"${1:-}\"" "hack/tutorials/tekton.sh install" ;;
esac
