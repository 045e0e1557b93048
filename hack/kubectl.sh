# Source this after env.sh. It chooses a kubectl, and finds the localkube cluster of a kubeconfig.

if [ -z "${KUBECTL:-}" ]; then
	if command -v kubectl >/dev/null; then
		KUBECTL=kubectl
	elif [ -x "$(dirname "$localkube")/kubectl" ]; then
		KUBECTL=$(dirname "$localkube")/kubectl
	else
		die "cannot find kubectl" "install one, or run: make localkube (it builds bin/kubectl)"
	fi
fi
export KUBECTL

# localkube_registry prints host and port of the registry of the localkube cluster of the current kubeconfig; with --pods, the
# address for pods. It fails if the kubeconfig is for another cluster.
localkube_registry() {
	local dir=() server
	[ -x "$localkube" ] || return 1
	[ -z "${LOCALKUBE_DIR:-}" ] || dir=(--dir "$LOCALKUBE_DIR")
	server=$("$KUBECTL" config view --minify -o 'jsonpath={.clusters[0].cluster.server}' 2>/dev/null) || return 1
	"$localkube" kubeconfig "${dir[@]}" 2>/dev/null | grep -qF "server: $server" || return 1
	"$localkube" registry "${dir[@]}" "$@" 2>/dev/null
}

# established waits until the API server serves the kinds of these CRDs. A new CRD has no conditions at first, and
# `kubectl wait` then fails instead of waiting.
established() {
	local deadline=$((SECONDS + 60))
	until "$KUBECTL" wait --for=condition=Established --timeout=60s crd "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || die "the API server does not serve these kinds: $*" "$KUBECTL get crd -o yaml"
		sleep 0.2
	done
}
