#!/usr/bin/env bash
# Builds the images of a commit (REF, default HEAD) twice, in two folders, the second time with an empty build cache. Fails
# unless both builds are the same, byte for byte. With SHARED=yes both builds share the cache. That saves minutes, but shows
# only that linking and packing do not depend on the folder or the time.
#
#   hack/check-reproducible.sh [IMPORTPATH=MIB…]     only these images
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh ko imagecheck
module=$(go list -m)
images=("$module/cmd/inpod=4" "$module/cmd/inpod-spiffe=16" "$module/cmd/controller=62" "$module/cmd/resolvers=60")
[ $# -eq 0 ] || images=("$@")
read -ra options < <(hack/images.sh options)

scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
first=$scratch/first second=$scratch/another/folder/further/down
for folder in "$first" "$second"; do
	mkdir -p "$folder"
	git archive "${REF:-HEAD}" | tar -x -C "$folder"
done

build() {
	say "building the images in $1"
	(cd "$1" && "$root/bin/tools/imagecheck" -ko "$root/bin/tools/ko" "${images[@]}" -- "${options[@]}") | tee "$2"
}
build "$first" "$scratch/first.txt"
[ -n "${SHARED:-}" ] || export GOCACHE=$scratch/cache
build "$second" "$scratch/second.txt"
diff "$scratch/first.txt" "$scratch/second.txt" >&2 || die "the images differ" "compare the programs: go version -m, and diffoscope"
say "both builds are the same"
