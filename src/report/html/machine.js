// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// The head of the page: is something wrong, in what, and what could not be read?

function comparedWith(report) {
  const words = [
    ["samples", "path of samples", "paths of samples"],
    ["lists", "list of hashes", "lists of hashes"],
    ["hashes", "hash", "hashes"],
  ]
    .map(([name, one, many]) => [factSum(report, name), one, many])
    .filter(([sum]) => sum)
    .map(([sum, one, many]) => count(sum, one, many));
  return words.join(", ");
}

function showHead(model, findings, report) {
  const worst = findings[0];
  const processes = new Set(findings.flatMap((finding) => finding.processes));
  byId("verdict").replaceChildren(
    ...(worst
      ? [
          `${count(findings.length, "finding")} in ${count(processes.size, "process", "processes")}; first `,
          data(findingTitle(model, worst)),
        ]
      : ["No findings"]),
  );
  byId("verdict").className = worst ? worst.level : "none";
  byId("verdict-detail").textContent = runWords(report);
  byId("source").replaceChildren(data(sourceWords(model, report)));
  document.title = `${brief(model.images[0] ?? "impscan report", 80)}: ${byId("verdict").textContent}`;
  showCounts(model, findings, report);
  showTrouble(model, report);
}

function runWords(report) {
  const compared = comparedWith(report);
  const parts = [
    compared
      ? `Compared with ${compared}, from a score of ${factSum(report, "threshold")}.`
      : "No samples or lists were given: nothing was compared with known malware.",
  ];
  if (compared && !factSum(report, "listing"))
    parts.push("Only modules that match are in this report; a run with -a lists all.");
  if (factSum(report, "baselines"))
    parts.push(
      `${count(factSum(report, "good"), "module")} known to be good ${factSum(report, "good") === 1 ? "is" : "are"} left out.`,
    );
  if (factSum(report, "fast"))
    parts.push("Import lists were not rebuilt from addresses (-F): hooks were not looked for.");
  return parts.join(" ");
}

function sourceWords(model, report) {
  const { machines } = report.tables;
  if (model.images.length > 1)
    return `${count(model.images.length, "image")}: ${model.images
      .slice(0, 3)
      .map((image) => brief(image, 60))
      .join(", ")}${model.images.length > 3 ? " …" : ""}`;
  const parts = [brief(model.images[0] ?? "", 120)];
  if (machines.length) {
    const value = (name) => machines.value(0, name);
    if (value("build"))
      parts.push(`Windows build ${value("build")} ${value("architecture") ?? ""}`);
    if (value("profile")) parts.push(`profile ${visible(value("profile"))}`);
    if (value("taken")) parts.push(`taken ${visible(value("taken"))}`);
    else if (lastStart(model)) parts.push(`last process started ${lastStart(model)}`);
  }
  return parts.filter(Boolean).join(" · ");
}

// The image was taken after this.
function lastStart(model) {
  return model.processes.reduce((last, { started }) => (started > last ? started : last), "");
}

function showCounts(model, findings, report) {
  const matched = model.markCounts[model.marks.indexOf(MARK_MATCHED)];
  const injected = model.markCounts[model.marks.indexOf(MARK_INJECTED)];
  const hidden = model.processes.filter((process) => process.flags.includes("hidden")).length;
  const items = [
    [model.processes.length, "process", "processes"],
    [factSum(report, "modules") || model.moduleCount, "module", "modules"],
    [matched, "match", "matches"],
    [injected, "injected", "injected"],
    [hidden, "hidden process", "hidden processes"],
    [factSum(report, "damaged"), "not read whole", "not read whole"],
  ];
  byId("counts").append(
    ...items.map(([sum, one, more]) =>
      make(
        "li",
        { class: sum ? "" : "zero" },
        make("strong", {}, number(sum)),
        ` ${sum === 1 ? one : more}`,
      ),
    ),
  );
}

// Errors and warnings of the run, and what the machines' surveys say of what is missing.
function showTrouble(model, report) {
  const { machines } = report.tables;
  const told = [];
  const of = (image) => (model.several && image ? `${brief(image, 60)}: ` : "");
  if (!report.complete)
    told.push(["error", "This file is cut off: the report was not written to its end."]);
  for (const { fact, image, value } of report.facts)
    if (fact === "error" || fact === "warning") told.push([fact, `${of(image)}${visible(value)}`]);
  for (let row = 0; row < machines.length; row++) {
    const image = machines.text(row, "image");
    for (const name of ["warning", "damage", "build_note"]) {
      const text = machines.value(row, name);
      if (text && !told.some(([, known]) => known.includes(visible(text))))
        told.push(["warning", `${of(image)}${visible(text)}`]);
    }
    for (const text of machines.value(row, "advice") ?? [])
      told.push(["advice", `${of(image)}${visible(text)}`]);
  }
  if (!told.length) return;
  const errors = told.some(([kind]) => kind === "error");
  byId("trouble").append(
    make(
      "details",
      { open: errors || told.length <= 3 },
      make(
        "summary",
        {},
        errors ? "What failed, and what could not be read" : "What could not be read, and advice",
      ),
      make(
        "ul",
        {},
        ...told.map(([kind, text]) =>
          make(
            "li",
            { class: kind },
            make("strong", {}, `${heading(kind)}: `),
            data(clip(text, 2000)),
          ),
        ),
      ),
    ),
  );
}

function showMachines(report) {
  const { machines } = report.tables;
  const names = machines.columns.map((column) => column.name);
  const place = byId("machine-facts");
  for (let row = 0; row < machines.length; row++) {
    const facts = factList(machines, row, names);
    place.append(
      machines.length > 1
        ? make(
            "details",
            {},
            make("summary", {}, data(brief(machines.text(row, "image"), 120))),
            facts,
          )
        : facts,
    );
  }
  if (!machines.length)
    place.append(make("p", {}, "The rows were saved before: of the machine no more is known."));
}
