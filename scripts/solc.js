#!/usr/bin/env node
// A `solc` executable around the npm build of the compiler, for py-solc-x and Brownie.
// `make setup` links it as .solcx/solc-v<version>. It answers --version and --standard-json.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

const args = process.argv.slice(2);
if (args.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc.js: only --version and --standard-json are answered here\n");
  process.exit(1);
}
