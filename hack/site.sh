#!/usr/bin/env bash
# Builds the documentation site from the Markdown of the project into bin/site/html, and checks its links. The site needs no other
# host: its search works in the browser. Requires Node.js 18 or later with npm. The first run fetches the packages of the generator,
# in the versions of site/package-lock.json, and starts none of their install scripts.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

command -v npm >/dev/null || die "cannot build the site: npm is not installed" "apt-get install nodejs npm"

work=$root/bin/site
say "writing the pages into bin/site/pages"
rm -rf "$work/pages" "$work/html" "$work/.vitepress"
mkdir -p "$work"
cp -a site/. "$work/"
hack/tool.sh site
bin/tools/site pages . "$work/pages"

installed=$work/node_modules/.package-lock.json # npm writes it at the end of an installation
if [ ! -e "$installed" ] || [ site/package-lock.json -nt "$installed" ]; then
	say "installing the generator of site/package-lock.json"
	npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error
fi

say "building the site"
(cd "$work" && node_modules/.bin/vitepress build .)

say "checking the links"
bin/tools/site check "$work/html"
say "the site is in bin/site/html; to look at it: cd bin/site && npx vitepress preview"
