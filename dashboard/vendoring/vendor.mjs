// Takes the libraries of the page from npm into page/vendor, by packages.json, and writes down what was taken in
// MANIFEST.json. Run by hand when a version changes: `node dashboard/vendoring/vendor.mjs`. The page itself never runs it.
//
// Browsers resolve bare names ("preact") only through an import map, which is an inline script and so refused by the
// page's Content-Security-Policy. Each bare import therefore becomes the relative address of the vendored file; the
// source map's line is dropped, because the map is not shipped. Nothing else of a file is changed.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const vendor = join(here, "../page/vendor");
const ADDRESSES = {
  "preact": "./preact.mjs",
  "preact/hooks": "./preact-hooks.mjs",
  "@preact/signals-core": "./signals-core.mjs",
};

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A vendored file's contents, made of the package's. */
function adapt(text, file, title) {
  let adapted = text.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n");
  adapted = adapted.replace(/from\s?"([^".][^"]*)"/g, (_, name) => {
    if (!(name in ADDRESSES)) throw new Error(`${file.from} imports ${name}, which has no address here`);
    return `from"${ADDRESSES[name]}"`;
  });
  if (file.exports) adapted += `export default ${file.exports};\n`;
  return `/*! ${title} */\n${adapted}`;
}

const work = mkdtempSync(join(tmpdir(), "vendor-"));
try {
  const { packages } = JSON.parse(readFileSync(join(here, "packages.json"), "utf8"));
  const manifest = [];
  let notices = "";
  for (const { name, version, licence, licence_file, files } of packages) {
    const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--silent", `${name}@${version}`], { cwd: work }));
    execFileSync("tar", ["xzf", packed.filename], { cwd: work });
    const read = (path) => readFileSync(join(work, "package", path), "utf8");
    const taken = files.map((file) => {
      const text = read(file.from);
      const adapted = adapt(text, file, `${name} ${version}, ${licence}: see THIRD_PARTY.txt`);
      writeFileSync(join(vendor, file.to), adapted);
      return { file: file.to, from: file.from, from_sha256: sha256(text), sha256: sha256(adapted) };
    });
    manifest.push({ name, version, licence, integrity: packed.integrity, files: taken });
    notices += `${"=".repeat(80)}\n${name} ${version} (${licence})\n${"=".repeat(80)}\n\n${read(licence_file).trim()}\n\n`;
    rmSync(join(work, "package"), { recursive: true });
  }
  writeFileSync(join(vendor, "MANIFEST.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(vendor, "THIRD_PARTY.txt"), `The dashboard's page contains these libraries.\n\n${notices}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
