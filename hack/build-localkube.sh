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

# sizes DIRECTORY PACKAGE… prints each package that the programs need, in the order in which they are compiled, with the bytes of its sources.
# The arguments after the directory are those of go list.
sizes() {
    # shellcheck disable=SC2016 # the text is a template of Go
    go list -C "$1" -deps -f '{{$p := .}}{{range .GoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}{{"\n"}}{{end}}' "${@:2}" |
        sed '/^$/d' >"$list.files"
    cut -d' ' -f2- "$list.files" | tr '\n' '\0' | xargs -0 stat -c %s | paste -d' ' - <(cut -d' ' -f1 "$list.files") |
        awk '{ if (!($2 in bytes)) order[++n] = $2; bytes[$2] += $1 } END { for (i = 1; i <= n; i++) print order[i], bytes[order[i]] }'
    rm -f "$list.files"
}

# progress NAME LIST reads what the compiler prints, and says about every ten seconds how far it is, and how long the rest takes at the
# speed so far. The compiler names only the packages that are not in the build cache, in about the order of the list. All other
# lines are printed.
progress() {
    local name=$1 line position=0 compiled=0 began=$SECONDS said=$SECONDS left=''
    local -A place=() bytes=()
    local -a before=(0) # bytes of the packages up to each place
    while read -r line size; do
        bytes[$line]=$size place[$line]=${#before[@]}
        before+=($((before[-1] + size)))
    done <"$2"
    local total=$((${#before[@]} - 1)) linking=20 # seconds, after the last package
    while IFS= read -r line; do
        if [ -z "$line" ] || [ -z "${bytes[$line]:-}" ]; then
            printf '%s\n' "$line"
            continue
        fi
        compiled=$((compiled + bytes[$line]))
        ((place[$line] <= position)) || position=${place[$line]}
        ((SECONDS - said >= 10)) || continue
        said=$SECONDS
        left=$(((SECONDS - began) * (before[total] - before[position]) / compiled + linking))
        printf '  %s: %d of %d packages, about %s left\n' "$name" "$position" "$total" "$(clock "$left")"
    done
}

# clock prints a number of seconds for people.
clock() { if (($1 < 90)); then printf '%d seconds' "$1"; else printf '%d minutes' $((($1 + 30) / 60)); fi; }

# digest DIRECTORY TEXT identifies a program: by the compiler, its flags and its source files.
digest() {
    { go version; echo "$2"; find "$1" -type f \( -name '*.go' -o -name 'go.*' \) ! -name '*_test.go' -print0 |
        sort -z | xargs -0 sha256sum; } | sha256sum
}

# build DIRECTORY NAMES PACKAGES FLAG... builds programs to bin, unless their source files are unchanged since the last build. With
# LOCALKUBE_BIN it takes them from that folder, if they were built from the same sources. It replaces a file in one step, because a
# running cluster may use it.
build() {
    local directory=$1 names=$2 packages=$3 began=$SECONDS name first=${2%% *}
    shift 3
    local stamp="bin/.$first.stamp" digest list="bin/.$first.list"
    digest=$(digest "$directory" "$packages $*")
    if [[ -f $stamp && $(cat "$stamp") == "$digest" ]] && all_in bin "$names"; then
        echo "bin/$first is up to date"
        return
    fi
    if [[ -n ${LOCALKUBE_BIN:-} ]]; then
        take "$first" "$names" "$digest"
        echo "$digest" >"$stamp"
        return
    fi
    export CGO_ENABLED=0
    # shellcheck disable=SC2086 # several packages
    sizes "$directory" "$@" $packages >"$list"
    echo "building bin/$first from $(wc -l <"$list") packages ..."
    rm -rf "bin/.$first.new"
    mkdir "bin/.$first.new"
    # shellcheck disable=SC2086 # several packages
    go build -C "$directory" -v -trimpath "$@" -o "$PWD/bin/.$first.new/" $packages 2>&1 | progress "$first" "$list"
    for name in $names; do
        mv "bin/.$first.new/$name" "bin/$name"
    done
    rmdir "bin/.$first.new"
    rm -f "$list"
    echo "$digest" >"$stamp"
    echo "built bin/$first in $((SECONDS - began)) s"
}

# all_in FOLDER NAMES reports whether the folder has all the programs.
all_in() {
    local name
    for name in $2; do
        [[ -x $1/$name ]] || return 1
    done
}

# take FIRST NAMES DIGEST copies programs from LOCALKUBE_BIN, which is the folder bin of another working copy, or a copy of it.
take() {
    local name from=$LOCALKUBE_BIN
    if ! all_in "$from" "$2" || [[ $(cat "$from/.$1.stamp" 2>/dev/null) != "$3" ]]; then
        echo "error: LOCALKUBE_BIN=$from: its $1 was not built from these sources with this version of Go" >&2
        echo "hint: name the folder bin of a copy of this commit in which hack/build-localkube.sh has run, or unset LOCALKUBE_BIN" >&2
        exit 1
    fi
    for name in $2; do
        cp "$from/$name" "bin/$name.new"
        mv "bin/$name.new" "bin/$name"
    done
    echo "took bin/$1 from $from"
}

version=k8s.io/component-base/version
minor=${kubernetes#v1.}
[[ -x bin/localkube || -n ${LOCALKUBE_BIN:-} ]] || echo "the first build compiles all of Kubernetes: about 7 minutes on two cores"

# One after the other: at the same time, both would compile the packages that they share. containerd comes first, because it is small.
build localkube/cmd/localkube-pause localkube-pause . -ldflags "-s -w"
commands=github.com/containerd/containerd/v2/cmd
build localkube/containerd "containerd containerd-shim-runc-v2" "$commands/containerd $commands/containerd-shim-runc-v2" \
    -tags "no_btrfs no_devmapper no_zfs" -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$containerd"
build localkube localkube . \
    -ldflags "-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}"
ln -sfn localkube bin/kubectl
