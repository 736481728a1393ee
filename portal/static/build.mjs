// Copies the NHS.UK frontend files that the pages need to vendor/, made neutral, and uPlot beside them.
//
// Taken out: every rule that fetches a font from another host (it would tell that host about each
// page that a practitioner opens), and the Frutiger typeface, whose licence is for NHS organisations.
// Left behind: logos and icons that carry the NHS brand. The build fails if an address of another
// host is still in the style sheet.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const source = join(here, '..', '..', 'node_modules', 'nhsuk-frontend')
const compiled = join(source, 'dist', 'nhsuk')
const vendor = join(here, 'vendor')
const wantedVersion = '10.6.1'

const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
if (version !== wantedVersion) {
  throw new Error(`nhsuk-frontend is ${version}, the templates need ${wantedVersion}; run npm ci`)
}

const css = readFileSync(join(compiled, 'nhsuk-frontend.min.css'), 'utf8')
const neutral = css
  .replace(/@font-face\s*\{[^}]*url\(\s*["']?https?:[^}]*\}/g, '')
  .replace(/"?Frutiger W01"?\s*,\s*/g, '')
  .replace(/\/assets\/images\//g, 'images/')
  .replace(/\/\*# sourceMappingURL=.*?\*\//g, '')
if (/url\(\s*["']?(https?:)?\/\//.test(neutral) || /Frutiger/.test(neutral)) {
  throw new Error('the style sheet still names a remote file or font; look at what changed in it')
}
const images = [...neutral.matchAll(/url\(\s*["']?images\/([\w.-]+)/g)].map((match) => match[1])

const script = readFileSync(join(compiled, 'nhsuk-frontend.min.js'), 'utf8')
  .replace(/\/\/# sourceMappingURL=.*\s*$/, '')

rmSync(vendor, { recursive: true, force: true })
mkdirSync(join(vendor, 'images'), { recursive: true })
writeFileSync(join(vendor, 'nhsuk-frontend.css'), neutral)
writeFileSync(join(vendor, 'nhsuk-frontend.js'), script)
for (const image of new Set(images)) {
  cpSync(join(compiled, 'assets', 'images', image), join(vendor, 'images', image))
}
cpSync(join(source, 'README.md'), join(vendor, 'README.md'))

// uPlot draws the clinician's charts. Its licence goes with it.
const charts = join(here, '..', '..', 'node_modules', 'uplot')
const chartsWanted = '1.6.32'
const chartsVersion = JSON.parse(readFileSync(join(charts, 'package.json'), 'utf8')).version
if (chartsVersion !== chartsWanted) {
  throw new Error(`uplot is ${chartsVersion}, the charts need ${chartsWanted}; run npm ci`)
}
// The package has a module in full length only (42 kB compressed), and its short form (22 kB) for pages without modules.
const chartsScript = readFileSync(join(charts, 'dist', 'uPlot.iife.min.js'), 'utf8').trimEnd()
if (!/^var uPlot\s*=/m.test(chartsScript)) {
  throw new Error('uPlot.iife.min.js does not begin with `var uPlot =`; look at what changed in it')
}
writeFileSync(join(vendor, 'uplot.js'), `${chartsScript}\nexport { uPlot as default }\n`)
cpSync(join(charts, 'dist', 'uPlot.min.css'), join(vendor, 'uplot.css'))
cpSync(join(charts, 'LICENSE'), join(vendor, 'uplot-LICENSE'))

// Once and as small as can be, instead of for each visitor.
for (const name of readdirSync(vendor).filter((one) => /\.(css|js)$/.test(one))) {
  const content = readFileSync(join(vendor, name))
  writeFileSync(join(vendor, `${name}.gz`), gzipSync(content, { level: 9 }))
  writeFileSync(join(vendor, `${name}.br`), brotliCompressSync(content))
}
console.log(`nhsuk-frontend ${version} and uplot ${chartsVersion} are in portal/static/vendor`)
