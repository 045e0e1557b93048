#!/usr/bin/env bash
# Finds phrases that the project does not use, by the rules in tools/prose/styles: in comments, messages, help of flags and
# pages. Without a path it checks everything but what hack/prose/todo.txt lists; with paths, all of them. -warnings before
# the paths prints long sentences, too.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh prose
[ $# -gt 0 ] || set -- -todo hack/prose/todo.txt .
bin/tools/prose "$@"
