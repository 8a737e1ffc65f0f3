// Builds the pages: `npm run build` into the package, `node build.mjs FOLDER` elsewhere (a test compares the two).
// What both pages are made of is one file, shared.js.
// The scripts say in their first line which sources they were made from.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const into = process.argv[2] ?? join(here, '../src/surgical_guidance/relay/web');
const files = folder => readdirSync(join(here, folder)).sort().map(name => `${folder}/${name}`);

const hash = createHash('sha256');
for (const name of ['build.mjs', 'package-lock.json', 'tsconfig.json', ...files('src')]) {
  hash.update(`${name}\0`).update(readFileSync(join(here, name))).update('\0');
}

mkdirSync(into, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ['src/console.ts', 'src/or.ts'],
  outdir: into,
  bundle: true,
  splitting: true,
  chunkNames: 'shared',
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  banner: { js: `// Made by \`npm run build\` in console/, from sources ${hash.digest('hex')}. Edit those.` },
  logLevel: 'warning',
});
for (const name of files('static')) copyFileSync(join(here, name), join(into, name.slice('static/'.length)));
