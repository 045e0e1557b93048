#!/usr/bin/env bash
# Runs the given suites (integration, e2e, fault) on the cluster of the current kubeconfig, in this order, all of them
# even if one fails. For those that run pods it deploys Sluice first, with the right to read logs.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

prepare() {
	hack/deploy.sh
	"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2
	if [ -n "${LOCALKUBE_DIR:-}" ]; then
		say "making the images that the steps run in"
		if [ "$1" = e2e ]; then
			hack/images/standin.sh --dir "$LOCALKUBE_DIR" >&2 # examples have those of users
		else
			hack/images/busybox.sh --dir "$LOCALKUBE_DIR" >&2
		fi
	fi
}

status=0
for suite in "$@"; do
	[ "$suite" = integration ] || prepare "$suite"
	say "running the $suite tests"
	go test -count=1 -timeout=25m -tags="$suite" "./test/suites/$suite/..." || status=1
	if [ "$suite" = integration ]; then # not beside the others: they have webhooks of their own for a while
		go test -count=1 -timeout=5m -tags=integration ./test/suites/cli || status=1
	fi
	if [ "$suite" = e2e ]; then # not beside the others: they change settings while they run
		(cd test/suites/browser && go test -count=1 -timeout=10m -tags=e2e .) || status=1 # a module: it alone needs a browser driver
		make --no-print-directory cli
		go test -count=1 -timeout=15m -tags=e2e ./test/suites/local || status=1 # has a cluster of its own
	fi
done
exit $status
