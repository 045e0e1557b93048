// The configuration of the generator, VitePress (MIT license). hack/site.sh copies this folder into bin/site, and writes the pages
// beside it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

const folder = (path) => fileURLToPath(new URL(path, import.meta.url))
const pages = folder('../pages')

// Headings have the anchors of GitHub, so that a link works in both places.
const slugify = (title) =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

export default defineConfig({
  title: 'Sluice',
  description: 'Tekton Tasks and Pipelines on Kubernetes, with results of up to 1.5 MiB',
  lang: 'en-US',
  srcDir: pages,
  outDir: folder('../html'),
  cacheDir: folder('../cache'),
  markdown: {
    anchor: { slugify },
    config: (md) => {
      // Two braces in a sentence are text, not an expression of the generator.
      const text = md.renderer.rules.text
      md.renderer.rules.text = (...args) => text(...args).replaceAll('{{', '&#123;&#123;')
    },
  },
  themeConfig: {
    sidebar: JSON.parse(readFileSync(`${pages}/nav.json`, 'utf8')),
    outline: [2, 3],
    search: { provider: 'local' },
    docFooter: { prev: 'Previous', next: 'Next' },
  },
})
