// Bundles the studio's browser code and styles into src/homegrown/studio/static (git-ignored).
// Run by `make`, from this folder, after `npm ci --ignore-scripts`.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.STUDIO_STATIC ?? join(here, "../src/homegrown/studio/static");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { studio: "src/studio.js", "studio-style": "src/css/studio.css" },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["chrome123", "firefox121", "safari17.5"],
  chunkNames: "part-[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
});
for (const name of ["icons.svg", "mark.svg"]) await copyFile(join(here, "src", name), join(out, name));
await writeFile(join(out, "THIRD_PARTY.txt"), await licences(Object.keys(metafile.inputs)));

// One digest over everything served: pages put it into the address, so a browser may keep each file for a year.
const digest = createHash("sha256");
for (const name of (await readdir(out)).sort()) digest.update(name).update(await readFile(join(out, name)));
await writeFile(join(out, "digest.txt"), digest.digest("hex").slice(0, 12) + "\n");
console.log(`studio: bundled into ${out}`);

/** The licence of every package of which a file came into the bundle. */
async function licences(inputs) {
  const found = inputs.map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
  const parts = [];
  for (const name of [...new Set(found)].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), "utf8") : "";
    parts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
