// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// The time line of process starts. Those that began together are stacked.

const DOT = 5; // radius, in pixels
const AXIS = 22;
const STEP = 2 * DOT + 2;
const STACK_HEIGHT = 160;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];

// Makes an element of a drawing.
function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

class TimeLine {
  constructor(model, choose) {
    this.model = model;
    this.choose = choose;
    this.starts = model.processes
      .map((process) => ({ process, time: Date.parse(process.started) }))
      .filter(({ time }) => !Number.isNaN(time))
      .sort((a, b) => a.time - b.time);
    if (this.starts.length < 2) return;
    byId("times").hidden = false;
    byId("times-link").hidden = false;
    const unknown = model.processes.length - this.starts.length;
    byId("times-note").textContent =
      `From ${utc(this.starts[0].time)} to ${utc(this.starts.at(-1).time)} (UTC).` +
      (unknown ? ` Of ${count(unknown, "process", "processes")} it is not known.` : "");
    this.show();
    window.addEventListener("resize", () => this.show());
    byId("times-list").parentElement.addEventListener("toggle", () => this.list(), { once: true });
  }

  // The list is made when it is opened: it may be long.
  list() {
    byId("times-list").append(
      ...this.starts.map(({ process }) =>
        make(
          "li",
          {},
          `${process.started} `,
          make(
            "button",
            { type: "button", class: "link", onclick: () => this.choose(process) },
            data(this.name(process)),
          ),
        ),
      ),
    );
  }

  name(process) {
    const on = this.model.several ? `, ${brief(process.image, 40)}` : "";
    return this.model.processName(process) + on;
  }

  show() {
    const width = Math.max(byId("times-chart").clientWidth, 200);
    if (width === this.width) return;
    this.width = width;
    const [first, last] = [this.starts[0].time, this.starts.at(-1).time];
    const span = Math.max(last - first, SECOND);
    const place = (time) => DOT + 2 + ((time - first) / span) * (width - 2 * DOT - 4);
    const { dots, height } = this.stack(place);
    const base = height - AXIS;
    byId("times-chart").replaceChildren(
      draw(
        "svg",
        {
          width,
          height,
          viewBox: `0 0 ${width} ${height}`,
          role: "img",
          "aria-label": `Time line of ${count(this.starts.length, "process start")}`,
        },
        draw("line", { x1: 0, x2: width, y1: base, y2: base, class: "axis" }),
        ...this.ticks(first, span, place, base),
        ...dots.map(({ process, x, up }) => this.dot(process, x, base - DOT - 3 - up)),
      ),
    );
  }

  // What lies in one column of dots is stacked, closer where there are many.
  stack(place) {
    const columns = new Map();
    for (const { process, time } of this.starts) {
      const x = place(time);
      const key = Math.round(x / STEP);
      if (!columns.has(key)) columns.set(key, []);
      columns.get(key).push({ process, x });
    }
    const dots = [];
    let most = 0;
    for (const column of columns.values()) {
      const step = Math.min(STEP, STACK_HEIGHT / column.length);
      column.sort((a, b) => a.process.level - b.process.level);
      column.forEach((dot, i) => dots.push({ ...dot, up: i * step }));
      most = Math.max(most, (column.length - 1) * step);
    }
    return { dots, height: most + STEP + AXIS + 10 };
  }

  dot(process, x, y) {
    const dot = draw(
      "circle",
      { cx: x, cy: y, r: DOT, class: `dot level-${process.level}` },
      draw("title", {}, `${this.name(process)}, ${process.started}`),
    );
    dot.addEventListener("click", () => this.choose(process));
    return dot;
  }

  ticks(first, span, place, base) {
    const fit = Math.max(2, Math.floor(this.width / 110));
    const step = STEPS.find((one) => span / one <= fit) ?? Math.ceil(span / fit / DAY) * DAY;
    const ticks = [];
    for (let time = Math.ceil(first / step) * step; time <= first + span; time += step) {
      const x = place(time);
      if (x > this.width - 70) break;
      const label = step >= DAY ? utc(time).slice(0, 10) : utc(time).slice(11);
      ticks.push(
        draw("line", { x1: x, x2: x, y1: base, y2: base + 5, class: "axis" }),
        draw("text", { x, y: base + 18 }, label),
      );
    }
    return ticks;
  }
}

function utc(time) {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ");
}
