# Other scripts source this file; the Makefile repeats it. It sets the same build flags for everything, so that the tools,
# localkube, the images and the tests share the Go build cache. With different flags, Kubernetes would be compiled twice.
#
# Without debug information the compiler needs an eighth less time. Traces of a panic and profiles do not use it. A debugger does: flags of
# the compiler in GOFLAGS replace that, for example GOFLAGS='"-gcflags=all=-N -l"'.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=${CGO_ENABLED:-0}
export GOFLAGS=${GOFLAGS:-$(go env GOFLAGS)}
for flag in -trimpath -gcflags=all=-dwarf=false; do
	case $GOFLAGS in
	*"${flag%%=*}"*) ;;
	*) GOFLAGS+=" $flag" ;;
	esac
done
unset flag
# The version in `sluice --version` and in the log of the controller: the release, and the number of commits since it.
if [ -z "${SLUICE_VERSION:-}" ]; then
	SLUICE_VERSION=$(GIT_OPTIONAL_LOCKS=0 git -C "$root" describe --tags --always --dirty 2>/dev/null || echo devel)
fi
export SLUICE_VERSION

# The program localkube, of the version KUBERNETES_VERSION of Kubernetes or of that in localkube/go.mod (hack/build-localkube.sh).
localkube=$root/bin${KUBERNETES_VERSION:+/kubernetes-$KUBERNETES_VERSION}/localkube

say() { printf '==> %s\n' "$*" >&2; }
die() {
	printf 'error: %s\n' "$1" >&2
	[ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
	exit 1
}
