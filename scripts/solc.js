#!/usr/bin/env node
// Run the npm build of the Solidity compiler as `solc`, for py-solc-x and Brownie.
// `make setup` links this file as .solcx/solc-v<version>. It supports --version and --standard-json. Imports that are
// not in the input are read from the project folder only.
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
  process.stderr.write("solc.js: unsupported arguments; use --version or --standard-json\n");
  process.exit(1);
}

function readImport(name) {
  const file = path.resolve(root, name);
  if (!file.startsWith(root + path.sep)) return { error: `${name} is outside the project` };
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (error) {
    return { error: error.message };
  }
}

// Loading the compiler takes two seconds, and Brownie asks for its version many times: cache it.
function version() {
  const cache = path.join(compiler, ".version");
  try {
    return fs.readFileSync(cache, "utf8");
  } catch {
    const current = require(compiler).version();
    fs.writeFileSync(`${cache}.${process.pid}`, current);
    fs.renameSync(`${cache}.${process.pid}`, cache);
    return current;
  }
}
