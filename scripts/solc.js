#!/usr/bin/env node
// A `solc` executable around the npm build of the compiler, for py-solc-x and Brownie.
// `make setup` links it as .solcx/solc-v<version>. It answers --version and --standard-json; imports that are not in
// the input are read from the project folder and nowhere else.
"use strict";
const fs = require("fs");
const path = require("path");

const root = path.resolve(__dirname, "..");
const compiler = path.join(root, "node_modules", "solc");
const args = process.argv.slice(2);
if (args.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version()}\n`);
} else if (args.includes("--standard-json")) {
  process.stdout.write(require(compiler).compile(fs.readFileSync(0, "utf8"), { import: readImport }));
} else {
  process.stderr.write("solc.js: only --version and --standard-json are answered here\n");
  process.exit(1);
}

function readImport(name) {
  const file = path.resolve(root, name);
  if (!file.startsWith(root + path.sep)) return { error: `${name} is outside the project` };
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (refusal) {
    return { error: refusal.message };
  }
}

// Loading the compiler takes two seconds and Brownie asks for its version many times: the answer is kept beside it.
function version() {
  const kept = path.join(compiler, ".version");
  try {
    return fs.readFileSync(kept, "utf8");
  } catch {
    const answer = require(compiler).version();
    fs.writeFileSync(`${kept}.${process.pid}`, answer);
    fs.renameSync(`${kept}.${process.pid}`, kept);
    return answer;
  }
}
