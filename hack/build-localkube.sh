#!/usr/bin/env bash
# Builds bin/localkube and the programs that it starts: containerd, its shim and the pause program. Skips what is up to date.
#
# With KUBERNETES_VERSION=1.34 it compiles localkube for that version of Kubernetes, into bin/kubernetes-1.34. A file in
# localkube/versions, instead of localkube/go.mod, then has the versions of the modules.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
version=${KUBERNETES_VERSION:-}
mod=${version:+versions/$version.mod}
if [[ -n $version && ! -f localkube/$mod ]]; then
    echo "error: cannot build Kubernetes \"$version\": there is no file localkube/$mod" >&2
    echo "hint: use $(cd localkube/versions && printf '%s, ' *.mod | sed 's/\.mod//g')or add a version with hack/kubernetes-version.sh" >&2
    exit 1
fi
to=bin # the folder of the programs that are built now
mkdir -p "bin${version:+/kubernetes-$version}"

# A second build at the same time waits, and then finds everything up to date.
exec 9>bin/.build.lock
flock 9

# The version that the API server reports. Without a version, clients and components reject the server.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "localkube/${mod:-go.mod}")
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

# digest DIRECTORY TEXT identifies a program: by the compiler, its flags and its source files. Module files of a version of Kubernetes
# count only for that version.
digest() {
    { go version; echo "$2"
        find "$1" -type f \( -name '*.go' -o -name 'go.*' -o -path "*/versions/$version.*" \) ! -name '*_test.go' -print0 |
        sort -z | xargs -0 sha256sum; } | sha256sum
}

# build DIRECTORY NAMES PACKAGES FLAG... builds programs to $to, unless their source files are unchanged since the last build. With
# LOCALKUBE_BIN it takes them from that folder, if they were built from the same sources. It replaces a file in one step, because a
# running cluster may use it.
build() {
    local directory=$1 names=$2 packages=$3 began=$SECONDS name first=${2%% *}
    shift 3
    local stamp="$to/.$first.stamp" digest list="$to/.$first.list"
    digest=$(digest "$directory" "$packages $*")
    if [[ -f $stamp && $(cat "$stamp") == "$digest" ]] && all_in "$to" "$names"; then
        echo "$to/$first is up to date"
        return
    fi
    if [[ -n ${LOCALKUBE_BIN:-} ]]; then
        take "$first" "$names" "$digest"
        echo "$digest" >"$stamp"
        return
    fi
    # shellcheck disable=SC2086 # several packages
    sizes "$directory" "$@" $packages >"$list"
    echo "building $to/$first from $(wc -l <"$list") packages ..."
    rm -rf "$to/.$first.new"
    mkdir "$to/.$first.new"
    # A compiler that collects its garbage seldom needs an eighth less time, and at most 550 MB instead of 440 MB.
    # shellcheck disable=SC2086 # several packages
    GOGC=${GOGC:-400} go build -C "$directory" -v "$@" -o "$PWD/$to/.$first.new/" $packages 2>&1 | progress "$first" "$list"
    for name in $names; do
        mv "$to/.$first.new/$name" "$to/$name"
    done
    rmdir "$to/.$first.new"
    rm -f "$list"
    echo "$digest" >"$stamp"
    echo "built $to/$first in $((SECONDS - began)) s"
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
    local name from=$LOCALKUBE_BIN${to#bin}
    if ! all_in "$from" "$2" || [[ $(cat "$from/.$1.stamp" 2>/dev/null) != "$3" ]]; then
        echo "error: LOCALKUBE_BIN=$LOCALKUBE_BIN: its $1 was not built from these sources with this version of Go" >&2
        echo "hint: name the folder bin of a copy of this commit in which hack/build-localkube.sh has run, or unset LOCALKUBE_BIN" >&2
        exit 1
    fi
    for name in $2; do
        cp "$from/$name" "$to/$name.new"
        mv "$to/$name.new" "$to/$name"
    done
    echo "took $to/$1 from $from"
}

component=k8s.io/component-base/version
minor=${kubernetes#v1.}
[[ -x bin${version:+/kubernetes-$version}/localkube || -n ${LOCALKUBE_BIN:-} ]] ||
    echo "the first build compiles all of Kubernetes: about 7 minutes on two cores"

# One after the other: at the same time, both would compile the packages that they share. containerd comes first, because it is small.
build localkube/cmd/localkube-pause localkube-pause . -ldflags "-s -w"
commands=github.com/containerd/containerd/v2/cmd
build localkube/containerd "containerd containerd-shim-runc-v2" "$commands/containerd $commands/containerd-shim-runc-v2" \
    -tags "no_btrfs no_devmapper no_zfs" -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$containerd"
if [[ -n $version ]]; then # localkube finds the other programs in its folder
    to=bin/kubernetes-$version
    for program in localkube-pause containerd containerd-shim-runc-v2; do ln -sfn "../$program" "$to/$program"; done
fi
build localkube localkube . ${mod:+-modfile="$mod"} \
    -ldflags "-s -w -X $component.gitVersion=$kubernetes -X $component.gitMajor=1 -X $component.gitMinor=${minor%%.*}"
ln -sfn localkube "$to/kubectl"
