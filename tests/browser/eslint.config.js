// SPDX-License-Identifier: GPL-3.0-or-later
// The page's scripts stand behind each other in one element, so each knows the names of all.
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../src/report/html/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".js"))
  .flatMap((file) =>
    [
      ...readFileSync(new URL(file, folder), "utf8").matchAll(/^(?:class|function|const) (\w+)/gm),
    ].map((match) => match[1]),
  );
const browser = [
  "Blob",
  "Intl",
  "URL",
  "document",
  "navigator",
  "performance",
  "requestAnimationFrame",
  "setTimeout",
  "window",
];

export default [
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: "script",
      globals: Object.fromEntries([...names, ...browser].map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      complexity: ["error", 14],
      eqeqeq: "error",
      "max-lines-per-function": ["error", 60],
      "no-const-assign": "error",
      "no-dupe-keys": "error",
      "no-empty": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-shadow": "error",
      "no-undef": "error",
      "no-unreachable": "error",
      "no-unused-vars": ["error", { vars: "local" }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
