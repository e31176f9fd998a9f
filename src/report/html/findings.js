// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// What seems wrong, ranked: rows that tell of one thing are one finding, with its reasons in words.

// How much each reason weighs, what it is called, and what it means. Weights are an order only.
const REASONS = {
  match: { weight: 1000, label: "Known sample" },
  hollowed: {
    weight: 800,
    label: "Hollowed",
    words: "The image in memory is not the one that the process was started from.",
  },
  hidden: {
    weight: 750,
    label: "Hidden process",
    words: "The process runs, but is not in the kernel's list of active processes.",
  },
  injected: {
    weight: 700,
    label: "Injected code",
    words: "Code in private memory, where no loader put it.",
  },
  "no-header": {
    weight: 690,
    label: "No header",
    words: "Code with addresses of APIs, but without a PE header: it was wiped, or never there.",
  },
  "hook-target": {
    weight: 650,
    label: "Hook target",
    words: "Import slots of other modules lead here, where no image is.",
  },
  hooked: { weight: 500, label: "Hooked", words: "Import slots lead elsewhere than declared." },
  patched: {
    weight: 450,
    label: "Patched",
    words: "Code pages differ from those of the file that is mapped.",
  },
  unlinked: {
    weight: 400,
    label: "Unlinked",
    words: "An image with code that no list of the loader has.",
  },
  renamed: { weight: 300, label: "Renamed" },
  differs: { weight: 250, label: "Differs" },
  weak: { weight: 200, label: "Weak match" },
  stale: {
    weight: 150,
    label: "Stale entry",
    words: "A list of the loader has it, but no image is mapped at its base.",
  },
  "partial-list": {
    weight: 140,
    label: "Partly listed",
    words: "Some of the loader's lists have it, others where it belongs don't.",
  },
  new: {
    weight: 100,
    label: "Not in the baseline",
    words: "The known-good listing has no such module.",
  },
};

// Flags of impscan that are findings by themselves.
const FLAG_REASONS = [
  "hollowed",
  "no-header",
  "hook-target",
  "hooked",
  "patched",
  "unlinked",
  "stale",
  "partial-list",
];

function findingLevel(weight) {
  if (weight >= 600) return "high";
  return weight >= 240 ? "medium" : "low";
}

// The reasons of one row by itself.
function rowReasons(model, row, baseline) {
  const { modules } = model;
  const reasons = [];
  if (model.hasMark(row, MARK_MATCHED)) reasons.push(modules.text(row, "note") ? "weak" : "match");
  if (model.isInjected(row)) reasons.push("injected");
  for (const flag of FLAG_REASONS) if (modules.has(row, "flags", flag)) reasons.push(flag);
  if (model.renamed.has(row)) reasons.push("renamed");
  if (model.differing.has(row)) reasons.push("differs");
  if (!reasons.length && baseline && modules.text(row, "base")) reasons.push("new");
  return reasons;
}

// What makes two rows one finding: the same module with the same reasons, in whatever process.
function findingKey(model, row, reasons) {
  const { modules } = model;
  const injected = model.isInjected(row);
  const parts = [reasons.join(), modules.text(row, "module").toLowerCase()];
  if (reasons.includes("match") || reasons.includes("weak")) {
    parts.push(modules.text(row, "imphash") || modules.text(row, "base"));
  } else {
    parts.push(modules.text(row, "path").toLowerCase());
  }
  if (injected || reasons.includes("hollowed"))
    parts.push(modules.text(row, "image"), model.processOf[row], modules.text(row, "base"));
  return parts.join("\0");
}

function scoreOf(model, row) {
  return model.modules.value(row, "score") ?? 0;
}

function weightOf(model, row, reasons) {
  const weights = reasons.map((reason) => REASONS[reason].weight);
  const score = reasons.includes("match") || reasons.includes("weak") ? scoreOf(model, row) : 0;
  return Math.max(...weights) + score + reasons.length;
}

// A process that hides is one finding, whatever modules it has.
function hiddenProcesses(model) {
  return model.processes
    .filter((process) => process.flags.includes("hidden"))
    .map((process) => ({
      reasons: ["hidden"],
      weight: REASONS.hidden.weight,
      rows: [],
      process,
    }));
}

function findFindings(model, report) {
  const baseline = factSum(report, "baselines") > 0;
  const byKey = new Map();
  markStrangers(model);
  for (let row = 0; row < model.modules.length; row++) {
    // Rows of further matches of one module add to the finding of its first.
    const reasons = rowReasons(model, model.first[row], baseline);
    if (!reasons.length) continue;
    const key = findingKey(model, model.first[row], reasons);
    const weight = weightOf(model, row, reasons);
    const finding = byKey.get(key);
    if (!finding) byKey.set(key, { reasons, weight, rows: [row], best: row });
    else {
      finding.rows.push(row);
      if (weight > finding.weight) Object.assign(finding, { weight, best: row });
    }
  }
  const findings = [...hiddenProcesses(model), ...byKey.values()];
  findings.sort((a, b) => b.weight - a.weight);
  for (const finding of findings) {
    finding.level = findingLevel(finding.weight);
    noteProcesses(model, finding);
  }
  return findings;
}

// Counts the finding for its processes, as the tree shows it.
function noteProcesses(model, finding) {
  const numbers = new Set(finding.rows.map((row) => model.processOf[row]));
  if (finding.process) numbers.add(finding.process.number);
  finding.processes = [...numbers].map((number) => model.processes[number]);
  const level = { high: 3, medium: 2, low: 1 }[finding.level];
  for (const process of finding.processes) {
    process.marked++;
    process.level = Math.max(process.level, level);
  }
}

// The least imports of a list by which two modules are taken for one.
const IMPORTS_TELLING = 5;

// Modules that are one by imports, size and link time, under another name than most of them have;
// and, of several machines, a file that is another one on a single machine.
function markStrangers(model) {
  const { modules } = model;
  const builds = new Map();
  const paths = new Map();
  for (let row = 0; row < modules.length; row++) {
    const imphash = modules.text(row, "imphash");
    if (model.first[row] !== row || !imphash) continue;
    const build = [imphash, modules.text(row, "size"), modules.text(row, "timestamp")].join();
    const path = modules.text(row, "path").toLowerCase();
    const telling = modules.value(row, "imports") >= IMPORTS_TELLING;
    if (telling && modules.value(row, "timestamp") !== null)
      addTo(builds, build, modules.text(row, "module").toLowerCase(), row);
    if (model.several && path) addTo(paths, path, build, row);
  }
  model.renamed = new Map();
  for (const names of builds.values()) {
    const [usual, ...others] = [...names].sort((a, b) => b[1].length - a[1].length);
    for (const [, rows] of others)
      if (rows.length < usual[1].length) rows.forEach((row) => model.renamed.set(row, usual[0]));
  }
  model.differing = new Map();
  for (const kinds of paths.values()) markDiffering(model, kinds);
}

function addTo(groups, group, member, row) {
  if (!groups.has(group)) groups.set(group, new Map());
  const members = groups.get(group);
  if (!members.has(member)) members.set(member, []);
  members.get(member).push(row);
}

// One machine has a file of its own where at least two others agree.
function markDiffering(model, kinds) {
  if (kinds.size < 2) return;
  const machines = (rows) => new Set(rows.map((row) => model.modules.text(row, "image"))).size;
  const [usual, ...others] = [...kinds.values()].sort((a, b) => machines(b) - machines(a));
  const agree = machines(usual);
  for (const rows of others)
    if (agree >= 2 && machines(rows) === 1) rows.forEach((row) => model.differing.set(row, agree));
}

// The words of one reason, of the row that tells most.
function reasonWords(model, finding, reason) {
  const { modules } = model;
  const row = finding.best;
  if (reason === "match" || reason === "weak") return matchWords(model, finding);
  if (reason === "hidden") return hiddenWords(finding.process);
  if (reason === "renamed")
    return `It has the imports, size and link time of ${brief(model.renamed.get(row) ?? "", 60)}.`;
  if (reason === "differs")
    return `On ${count(model.differing.get(row) ?? 0, "other machine")} this file is another one.`;
  // What the row itself says is said once.
  const told = reason === finding.reasons.at(-1) ? modules.text(row, "reason") : "";
  return REASONS[reason].words + (told ? ` ${sentence(brief(told, 300))}` : "");
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function matchWords(model, finding) {
  const { modules } = model;
  const row = finding.best;
  const names = new Set(finding.rows.map((other) => modules.text(other, "match")));
  const by = modules.text(row, "matched_hash").replaceAll("_", " ");
  const score = scoreOf(model, row);
  const name = brief(modules.text(row, "match") || "a hash without a name", 100);
  const same = score === 100 ? "Its imports are those of" : `${score} of 100 alike:`;
  const others =
    names.size > 1 ? `, and ${count(names.size - 1, "more known hash", "more known hashes")}` : "";
  const note = modules.text(row, "note");
  const words = `${same} ${name}${others} (score ${score} by ${by}).`;
  return note ? `${words} It tells little: ${visible(note)}.` : words;
}

function hiddenWords(process) {
  const sources = process.table.value(process.row, "sources");
  const found = sources?.length ? ` It was found by: ${sources.join(", ")}.` : "";
  return REASONS.hidden.words + found;
}

// Where a finding is, in words.
function findingPlace(model, finding) {
  const { processes } = finding;
  const images = new Set(processes.map((process) => process.image));
  const where =
    processes.length > 3
      ? `${count(processes.length, "process", "processes")}: ${processes
          .slice(0, 3)
          .map((process) => model.processName(process))
          .join(", ")} …`
      : processes.map((process) => model.processName(process)).join(", ");
  const on = model.several
    ? `, on ${[...images]
        .map((image) => brief(image, 60))
        .slice(0, 3)
        .join(", ")}`
    : "";
  const more = model.several && images.size > 3 ? ` and ${number(images.size - 3)} more` : "";
  return `in ${where}${on}${more}`;
}

function findingTitle(model, finding) {
  if (finding.process) return model.processName(finding.process);
  const base = model.isInjected(finding.best)
    ? ` at ${model.modules.text(finding.best, "base")}`
    : "";
  return brief(model.moduleName(finding.best), 100) + base;
}

const FINDINGS_SHOWN = 20;

function showFindings(model, findings, report, open) {
  const list = byId("findings-list");
  const more = byId("findings-more");
  const add = (some) => list.append(...some.map((finding) => findingItem(model, finding, open)));
  add(findings.slice(0, FINDINGS_SHOWN));
  const rest = findings.slice(FINDINGS_SHOWN);
  more.hidden = !rest.length;
  more.textContent = `Show ${count(rest.length, "more finding")}`;
  more.addEventListener("click", () => {
    add(rest);
    more.hidden = true;
    list.children[FINDINGS_SHOWN].querySelector("button").focus();
  });
  byId("findings-note").textContent = findings.length
    ? "Ranked by how much they tell. Modules with the same reasons are one finding."
    : noFindingWords(report);
}

function noFindingWords(report) {
  const listing = factSum(report, "listing");
  if (!listing && comparedWith(report)) return "No module resembles what was searched for.";
  return "Nothing is flagged, and nothing that was compared with is alike.";
}

function findingItem(model, finding, open) {
  const reasons = finding.reasons.map((reason) =>
    make("p", {}, data(reasonWords(model, finding, reason))),
  );
  const badges = finding.reasons.map((reason) =>
    make("span", { class: `badge ${findingLevel(REASONS[reason].weight)}` }, REASONS[reason].label),
  );
  return make(
    "li",
    { class: `finding ${finding.level}` },
    make(
      "div",
      { class: "finding-head" },
      make(
        "button",
        { type: "button", class: "link", onclick: () => open(finding) },
        data(findingTitle(model, finding)),
      ),
      " ",
      data(finding.process ? placeOfProcess(model, finding) : findingPlace(model, finding), {
        class: "data place",
      }),
      " ",
      ...badges,
    ),
    ...reasons,
  );
}

function placeOfProcess(model, finding) {
  return model.several ? `on ${brief(finding.process.image, 60)}` : "";
}
