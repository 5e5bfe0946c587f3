// Scores vectors of CVSS, one a line of standard input, with a calculator from npm: node score.js FOLDER <FILE
const { fromVector } = require(process.argv[2] + "/node_modules/ae-cvss-calculator");
const { readFileSync } = require("fs");

for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const scores = fromVector(line).calculateScores();
  // In version 4 threat and environment are part of the score; in the others only the base metrics are compared.
  console.log(line.startsWith("CVSS:4.0/") ? scores.overall : scores.base);
}
