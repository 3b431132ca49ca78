// The page's own order: what is vendored is what the manifest says, types hold, nothing is asked for elsewhere.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { repository } from "./harness.mjs";

const dashboard = join(repository, "dashboard");
const vendor = join(dashboard, "page/vendor");
const manifest = JSON.parse(readFileSync(join(vendor, "MANIFEST.json"), "utf8"));
const sources = readdirSync(join(dashboard, "page"), { recursive: true })
  .filter((name) => name.endsWith(".js"))
  .map((name) => [name, readFileSync(join(dashboard, "page", name), "utf8")]);

test("the vendored libraries are those of the manifest, byte by byte, with their licences", () => {
  const packages = JSON.parse(readFileSync(join(dashboard, "vendoring/packages.json"), "utf8")).packages;
  const lock = JSON.parse(readFileSync(join(dashboard, "package-lock.json"), "utf8")).packages;
  const notices = readFileSync(join(vendor, "THIRD_PARTY.txt"), "utf8");
  const known = ["MANIFEST.json", "THIRD_PARTY.txt"];
  for (const { name, version, licence, integrity, files } of manifest) {
    const wanted = packages.find((one) => one.name === name);
    assert.equal(version, wanted.version, name);
    assert.ok(["MIT", "Apache-2.0"].includes(licence), name);
    assert.ok(notices.includes(`${name} ${version} (${licence})`), name);
    // The tests read their types: of the same version, and npm's hash of the package is the one that was taken.
    const locked = lock[`node_modules/${name}`];
    if (locked) assert.deepEqual([locked.version, locked.integrity], [version, integrity], name);
    for (const { file, sha256 } of files) {
      const text = readFileSync(join(vendor, file));
      assert.equal(createHash("sha256").update(text).digest("hex"), sha256, file);
      assert.ok(String(text).startsWith(`/*! ${name} ${version}, ${licence}`), file);
      known.push(file);
    }
  }
  const unknown = readdirSync(vendor).filter((file) => !known.includes(file) && !file.endsWith(".d.mts"));
  assert.deepEqual(unknown, []);
});

test("the page's types hold", () => {
  const tsc = join(dashboard, "node_modules/.bin/tsc");
  assert.ok(existsSync(tsc), "TypeScript is missing: run 'scripts/parts install'");
  execFileSync(tsc, ["-p", dashboard], { stdio: ["ignore", "inherit", "inherit"] });
});

test("every module is checked for types and says what it is for", () => {
  assert.ok(sources.length > 20);
  for (const [name, text] of sources) {
    const [first, second] = text.split("\n");
    assert.equal(first, "// @ts-check", name);
    assert.match(second, /^\/\/ [A-Z]/, name);
    assert.ok(text.split("\n").length <= 400, `${name} is too long`);
  }
});

test("the page names no other server and makes no markup of texts", () => {
  for (const [name, text] of sources) {
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, name);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|\beval\(|new Function/, name);
  }
});
