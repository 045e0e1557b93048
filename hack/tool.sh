#!/usr/bin/env bash
# Builds the named tools (default: all) into bin/tools, unless they are already there in the version that tools/ pins.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

[ $# -gt 0 ] || set -- controller-gen crdfinish emptyimage golangci-lint govulncheck imagecheck kustomize ko prose release site specschema standin

build() {
	local name=$1 module=$2 package=$3
	local want have="" sources=()
	[ ! -d "$module/$name" ] || mapfile -t sources < <(find "$module/$name" "$module/internal" -name '*.go' | sort)
	want=$(cat "$module/go.mod" "$module/go.sum" "${sources[@]}" <(go version) | sha256sum)
	[ ! -x "bin/tools/$name" ] || have=$(cat "bin/tools/.$name" 2>/dev/null || true)
	[ "$want" != "$have" ] || return 0
	say "building $name"
	mkdir -p bin/tools
	(cd "$module" && go build -ldflags '-s -w' -o "$root/bin/tools/$name" "$package")
	printf '%s\n' "$want" >"bin/tools/.$name"
}

for name in "$@"; do
	case $name in
	controller-gen) build "$name" tools sigs.k8s.io/controller-tools/cmd/controller-gen ;;
	kustomize) build "$name" tools sigs.k8s.io/kustomize/kustomize/v5 ;;
	ko) build "$name" tools github.com/google/ko ;;
	govulncheck) build "$name" tools/govulncheck golang.org/x/vuln/cmd/govulncheck ;;
	crdfinish | emptyimage | imagecheck | prose | release | site | specschema | standin) build "$name" tools "./$name" ;;
	golangci-lint) build "$name" tools/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint ;;
	*) die "unknown tool \"$name\"" ;;
	esac
done
