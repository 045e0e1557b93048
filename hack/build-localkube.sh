#!/usr/bin/env bash
# Builds bin/localkube and what it runs beside itself: containerd, its shim and the pause program. Does nothing for what is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin

# Who comes second finds everything up to date.
exec 9>bin/.build.lock
flock 9

# The version that clients and components see; without it they refuse the server. It is the one that localkube/go.mod names.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' localkube/go.mod)
containerd=$(awk '$2 == "github.com/containerd/containerd/v2" { print $3 } $1 == "github.com/containerd/containerd/v2" { print $2 }' localkube/containerd/go.mod)

# progress counts the packages that the compiler names as it comes to them, and passes on whatever else is said. Only those that
# are not in the build cache are named.
progress() {
    awk -v name="$1" -v total="$2" '
        /^[^ :#]+$/ { if (++n % 100 == 0) { printf "  %s: %d of %d packages compiled\n", name, n, total; fflush() } next }
        { print; fflush() }'
}

# build NAME DIRECTORY PACKAGE FLAG... builds a program to bin/NAME, unless the files that it is made of are those of the last time.
# The file is replaced in one step, because a cluster may be running from it.
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
    echo "building bin/$name of $total packages ..."
    CGO_ENABLED=0 go build -C "$directory" -v -trimpath "$@" -o "$PWD/bin/$name.new" "$package" 2>&1 | progress "$name" "$total"
    mv "bin/$name.new" "bin/$name"
    echo "$digest" >"$stamp"
    echo "built bin/$name in $((SECONDS - began)) s"
}

version=k8s.io/component-base/version
minor=${kubernetes#v1.}
[[ -x bin/localkube ]] || echo "the first build compiles all of Kubernetes: 7 minutes or so on two cores"

# Both at once, because the last steps of each use one core only.
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
