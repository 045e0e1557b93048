#!/usr/bin/env bash
# Runs the given suites (integration, beside, beside/node, e2e, fault, nodes, resolvers) on the cluster of the current kubeconfig, in this
# order. It runs all of them even if one fails. For e2e, fault, nodes and resolvers it deploys Sluice first, with the right to read logs.
# The suites beside and beside/node give the cluster Tekton's kinds, so they cannot share it with another suite.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

prepare() {
	hack/deploy.sh
	"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2
	if [ -n "${LOCALKUBE_DIR:-}" ]; then
		say "building the images for the steps"
		if [ "$1" = e2e ]; then
			hack/images/standin.sh --dir "$LOCALKUBE_DIR" >&2 # examples have those of users
		else
			hack/images/busybox.sh --dir "$LOCALKUBE_DIR" >&2
		fi
		if [ "$1" = resolvers ] || [ "$1" = e2e ]; then
			hack/images/standin.sh --dir "$LOCALKUBE_DIR" forge >&2
			SLUICE_REGISTRY_OF_PODS=$(localkube_registry --pods)
			export SLUICE_REGISTRY_OF_PODS
		fi
	fi
}

# images builds the images that the suite beside/node installs.
images() {
	hack/images.sh >"$1"
	CONTROLLER_IMAGE=$(grep /controller@ "$1") INPOD_IMAGE=$(grep /inpod@ "$1")
	REGISTRY=$(localkube_registry) REGISTRY_FOR_PODS=$(localkube_registry --pods)
	export CONTROLLER_IMAGE INPOD_IMAGE REGISTRY REGISTRY_FOR_PODS
	hack/images/busybox.sh --dir "$LOCALKUBE_DIR" >&2
}

status=0
for suite in "$@"; do
	tag=$suite
	case $suite in
	beside | takeover) tag=integration ;; # takeover needs a cluster without other suites, too
	beside/node)
		tag=e2e
		images "$(mktemp)"
		;;
	integration) ;;
	resolvers | nodes)
		tag=e2e
		prepare "$suite"
		;;
	*) prepare "$suite" ;;
	esac
	say "running the $suite tests"
	go test -count=1 -timeout=40m -tags="$tag" "./test/suites/$suite/..." || status=1
	if [ "$suite" = integration ]; then # separately, because these tests register webhooks
		go test -count=1 -timeout=5m -tags=integration ./test/suites/cli || status=1
	fi
	if [ "$suite" = beside/node ]; then # those tests leave the cluster without Tekton
		STEP_IMAGES=busybox hack/beside.sh || status=1
		SLUICE_BESIDE=1 go test -count=1 -timeout=15m -tags=e2e -run='^Test(CustomTasks|PipelinesInPipelines|Artifacts)$' ./test/suites/e2e ||
			status=1
	fi
	if [ "$suite" = e2e ]; then # separately, because these tests change settings
		go test -count=1 -short -timeout=10m -tags=e2e ./test/suites/resolvers || status=1 # one run each of git, a bundle and the cluster
		(cd test/suites/browser && go test -count=1 -timeout=10m -tags=e2e .) || status=1 # its module requires a browser driver
		if [ -z "${KUBERNETES_VERSION:-}" ]; then # the command line starts the version of localkube/go.mod
			make --no-print-directory cli
			go test -count=1 -timeout=15m -tags=e2e ./test/suites/local || status=1 # starts another cluster
		fi
	fi
done
exit $status
