#!/usr/bin/env bash
# Builds bin/localkube and the programs that it starts: containerd, its shim and the pause program. Skips what is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin

# A second build at the same time waits, and then finds everything up to date.
exec 9>bin/.build.lock
flock 9

# The version that the API server reports, from localkube/go.mod. Without a version, clients and components reject the server.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' localkube/go.mod)
containerd=$(awk '$2 == "github.com/containerd/containerd/v2" { print $3 } $1 == "github.com/containerd/containerd/v2" { print $2 }' localkube/containerd/go.mod)

# progress counts the packages that the compiler names, and prints all other lines. The compiler names only packages that are
# not in the build cache.
progress() {
    awk -v name="$1" -v total="$2" '
        /^[^ :#]+$/ { if (++n % 100 == 0) { printf "  %s: %d of %d packages compiled\n", name, n, total; fflush() } next }
        { print; fflush() }'
}

# build NAME DIRECTORY PACKAGE FLAG... builds a program to bin/NAME, unless its source files are unchanged since the last build.
# It replaces the file in one step, because a running cluster may use it.
build() {
    local name=$1 directory=$2 package=$3 began=$SECONDS
    shift 3
    local stamp="bin/.$name.stamp" digest
    digest=$( { go version; echo "$package $*"; find "$directory" -type f \( -name '*.go' -o -name 'go.*' \) ! -name '*_test.go' -print0 |
        sort -z | xargs -0 sha256sum; } | sha256sum)
    if [[ -x bin/$name && -f $stamp && $(cat "$stamp") == "$digest" ]]; then
        echo "bin/$name is up to date"
        return
    fi
    local total
    total=$(CGO_ENABLED=0 go list -C "$directory" -deps "$@" "$package" | wc -l)
    echo "building bin/$name from $total packages ..."
    CGO_ENABLED=0 go build -C "$directory" -v -trimpath "$@" -o "$PWD/bin/$name.new" "$package" 2>&1 | progress "$name" "$total"
    mv "bin/$name.new" "bin/$name"
    echo "$digest" >"$stamp"
    echo "built bin/$name in $((SECONDS - began)) s"
}

version=k8s.io/component-base/version
minor=${kubernetes#v1.}
[[ -x bin/localkube ]] || echo "the first build compiles all of Kubernetes: about 7 minutes on two cores"

# Both at the same time, because the last steps of each use only one core.
{
    build localkube-pause localkube/cmd/localkube-pause . -ldflags "-s -w"
    for program in containerd containerd-shim-runc-v2; do
        build "$program" localkube/containerd "github.com/containerd/containerd/v2/cmd/$program" \
            -tags "no_btrfs no_devmapper no_zfs" -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$containerd"
    done
} &
containerd_build=$!
trap 'kill "$containerd_build" 2>/dev/null || true' EXIT
build localkube localkube . \
    -ldflags "-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}"
wait "$containerd_build"
trap - EXIT
ln -sfn localkube bin/kubectl
