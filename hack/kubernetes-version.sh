#!/usr/bin/env bash
# Writes the module files with which localkube is compiled for another version of Kubernetes, localkube/versions/MINOR.mod and .sum:
#
#   hack/kubernetes-version.sh 1.34.4
#
# Libraries have the versions that this Kubernetes requires. Only a library that Kubernetes does not use has the version of
# localkube/go.mod. `go list -m -versions k8s.io/kubernetes` lists the versions.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root/localkube"

version=${1:-}
[[ $version =~ ^1\.[0-9]+\.[0-9]+$ ]] ||
	die "cannot use version \"$version\": it must be MAJOR.MINOR.PATCH" "hack/kubernetes-version.sh 1.34.4"
mod=versions/${version%.*}.mod
staging=v0.${version#1.}

# The module file of that Kubernetes, which `go mod download` stores.
released=$(go mod download -json "k8s.io/kubernetes@v$version" | awk -F'"' '$2 == "GoMod" { print $4 }')

mkdir -p versions
{
	printf 'module github.com/sluice-ci/sluice/localkube\n\n'
	grep '^go ' go.mod
	printf '\nrequire (\n\tk8s.io/kubernetes v%s\n' "$version"
	grep -E '^\sgithub.com/google/go-containerregistry ' go.mod
	printf ')\n\n// k8s.io/kubernetes has these in folders of its tree. Other modules must name them, at the same version.\nreplace (\n'
	sed -n "s|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\t\1 => \1 $staging|p" "$released"
	printf ')\n'
} >"$mod"
rm -f "${mod%.mod}.sum"
go mod tidy -modfile="$mod"
say "wrote localkube/$mod"
