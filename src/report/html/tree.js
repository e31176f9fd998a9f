// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// The tree of processes. A process that is chosen filters the table.

class ProcessTree {
  constructor(model, choose) {
    this.model = model;
    this.choose = choose;
    this.chosen = null;
    this.closed = new Set();
    this.roots = this.link();
    this.element = make("ul", { role: "tree", "aria-label": "Processes" });
    this.element.addEventListener("keydown", (event) => this.key(event));
    byId("tree").append(this.element, make("div", { id: "process-facts" }));
    // Many machines would be tens of thousands of lines: they are opened one by one.
    if (model.images.length > 3) this.roots.forEach((root) => this.closed.add(root));
    this.show();
  }

  // Nodes of machines, where there are several, and of processes below their parents.
  link() {
    const { model } = this;
    const byPid = new Map();
    const node = (process) => ({ process, children: [], parent: null });
    const nodes = model.processes.map(node);
    for (const one of nodes) {
      const key = `${one.process.image}\0${one.process.pid}`;
      if (!byPid.has(key)) byPid.set(key, one);
    }
    const roots = [];
    for (const one of nodes) {
      const { process } = one;
      const parent = byPid.get(`${process.image}\0${process.ppid}`);
      if (parent && isParent(parent, one)) {
        one.parent = parent;
        parent.children.push(one);
      } else roots.push(one);
    }
    return model.several ? this.machines(roots) : roots;
  }

  machines(roots) {
    return this.model.images.map((image) => {
      const machine = { image, children: [], parent: null };
      machine.children = roots.filter((root) => root.process.image === image);
      for (const child of machine.children) child.parent = machine;
      return machine;
    });
  }

  // The nodes that are to be seen, from top to bottom, each with its level.
  visible() {
    const list = [];
    const stack = [...this.roots].reverse().map((node) => ({ node, level: 1 }));
    while (stack.length) {
      const { node, level } = stack.pop();
      list.push({ node, level });
      if (!this.closed.has(node))
        for (const child of [...node.children].reverse())
          stack.push({ node: child, level: level + 1 });
    }
    return list;
  }

  show(focus = null) {
    this.lines = this.visible();
    this.active = Math.max(0, focus ? this.lines.findIndex((line) => line.node === focus) : 0);
    this.element.replaceChildren(...this.lines.map((line, i) => this.item(line, i)));
    if (focus) this.element.children[this.active].focus();
  }

  item({ node, level }, i) {
    const { process } = node;
    const parts = process ? this.processParts(process) : [data(brief(node.image, 80))];
    const twig = node.children.length
      ? make("span", { class: "twig", "aria-hidden": "true" }, this.closed.has(node) ? "▸" : "▾")
      : make("span", { class: "twig", "aria-hidden": "true" });
    const item = make(
      "li",
      {
        role: "treeitem",
        "aria-level": level,
        "aria-selected": String(process !== undefined && process === this.chosen),
        "aria-expanded": node.children.length ? String(!this.closed.has(node)) : null,
        tabindex: i === this.active ? 0 : -1,
        class: process ? `process level-${process.level}` : "machine-node",
      },
      twig,
      ...parts,
    );
    item.style.paddingInlineStart = `${(Math.min(level, 12) - 1) * 14 + 2}px`;
    item.addEventListener("click", (event) => {
      if (event.target === twig || !process) this.toggle(node);
      else this.pick(i);
    });
    return item;
  }

  processParts(process) {
    const parts = [
      make("span", { class: "name" }, data(brief(process.name, 60) || "(no name)")),
      make("span", { class: "pid" }, ` ${process.pid} `),
    ];
    for (const flag of process.flags)
      parts.push(make("span", { class: `badge ${flag === "hidden" ? "high" : "low"}` }, flag), " ");
    if (process.marked)
      parts.push(
        make(
          "span",
          { class: `badge ${["", "low", "medium", "high"][process.level]}` },
          count(process.marked, "finding"),
        ),
        " ",
      );
    parts.push(make("span", { class: "note" }, count(process.rows, "module")));
    return parts;
  }

  toggle(node) {
    if (this.closed.has(node)) this.closed.delete(node);
    else this.closed.add(node);
    this.show(node);
  }

  // Chooses the process of a line; chosen again it is given up.
  pick(i) {
    const { process } = this.lines[i].node;
    this.select(process === this.chosen ? null : process);
    this.show(this.lines[i].node);
    this.choose(this.chosen);
  }

  select(process) {
    this.chosen = process;
    showProcessFacts(process, this.model);
    this.lines.forEach((line, i) => {
      this.element.children[i].setAttribute(
        "aria-selected",
        String(Boolean(process) && line.node.process === process),
      );
    });
  }

  move(to) {
    const items = this.element.children;
    items[this.active].tabIndex = -1;
    this.active = Math.min(Math.max(to, 0), items.length - 1);
    items[this.active].tabIndex = 0;
    items[this.active].focus();
  }

  key(event) {
    const { node } = this.lines[this.active];
    const moves = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (event.key in moves) this.move(this.active + moves[event.key]);
    else if (event.key === "ArrowRight") this.right(node);
    else if (event.key === "ArrowLeft") this.left(node);
    else if (event.key !== "Enter" && event.key !== " ") return;
    else if (node.process) this.pick(this.active);
    else this.toggle(node);
    event.preventDefault();
  }

  right(node) {
    if (this.closed.has(node)) this.toggle(node);
    else if (node.children.length) this.move(this.active + 1);
  }

  left(node) {
    if (node.children.length && !this.closed.has(node)) this.toggle(node);
    else if (node.parent) this.move(this.lines.findIndex((line) => line.node === node.parent));
  }
}

// PIDs are used again: a parent began before its child. Lists that were tampered with have circles.
function isParent(parent, child) {
  const [began, then] = [parent.process.started, child.process.started];
  if (parent === child || (began && then && began > then)) return false;
  for (let up = parent; up; up = up.parent) if (up === child) return false;
  return true;
}

function showProcessFacts(process, model) {
  const facts = byId("process-facts");
  facts.replaceChildren();
  if (!process) return;
  const { table, row } = process;
  const names = [
    "command_line",
    "started",
    "exited",
    "ppid",
    "sources",
    "flags",
    "modules",
    "eprocess",
    "image",
  ];
  facts.append(make("h3", {}, data(model.processName(process))), factList(table, row, names));
}

// Fields of a row that have a value, as a list of terms.
function factList(table, row, names) {
  const list = make("dl", { class: "facts" });
  for (const name of names) {
    const column = table.byName.get(name);
    const value = column ? columnValue(column, row) : null;
    if (value === null || value === "" || (Array.isArray(value) && !value.length)) continue;
    list.append(
      make("dt", {}, name.replaceAll("_", " ")),
      make("dd", {}, data(shownValue(column, value))),
    );
  }
  return list;
}
