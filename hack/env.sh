# Sourced by the other scripts (and mirrored in the Makefile): one set of build flags for everything, so that the tools,
# localkube, the images and the tests share what the Go build cache holds. Different flags would compile Kubernetes twice.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=${CGO_ENABLED:-0}
case " ${GOFLAGS:-$(go env GOFLAGS)} " in
*" -trimpath "*) ;;
*) export GOFLAGS="${GOFLAGS:-$(go env GOFLAGS)} -trimpath" ;;
esac
# What `sluice --version` and the controller's log say: the release, or how far a commit is from it.
if [ -z "${SLUICE_VERSION:-}" ]; then
	SLUICE_VERSION=$(GIT_OPTIONAL_LOCKS=0 git -C "$root" describe --tags --always --dirty 2>/dev/null || echo devel)
fi
export SLUICE_VERSION

say() { printf '==> %s\n' "$*" >&2; }
die() {
	printf 'error: %s\n' "$1" >&2
	[ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
	exit 1
}
