// Lines over an axis: percentiles, shares, time, clients.

const MARGIN = { top: 14, right: 16, bottom: 44, left: 34 };
/** Pixels of a digit, rather too many. */
const DIGIT = 7.2;

/**
 * `x`: title, domain, scale, format of its ticks and `precise` of a reading, perhaps its own `ticks`; `y`: the same, its domain that
 * of what is shown unless it is given, `log`, and whether a reader has the `choice`; `lines`: name, classes, points as [x, y] or
 * null, and perhaps `faint`: the number of the first point that there is little to go by, `dots` on its points, `end`: one on its
 * last, `unjoined`: no line between them, `whiskers` as [x, low, high], `shift` in pixels; `rules`: where something begins;
 * `failures` as [x, count]; `shaded`: from where to where is in no figure; `between`: whether a reading may be between two points.
 */
class LineChart extends Chart {
  constructor(figure, spec) {
    super(figure, { label: spec.label, title: spec.title, series: spec.lines });
    this.spec = spec;
    this.log = spec.y.log ?? false;
    if (spec.y.choice) {
      const toggle = button("log", "Logarithmic scale", () => {
        this.log = !this.log;
        toggle.setAttribute("aria-pressed", String(this.log));
        this.draw();
      });
      toggle.setAttribute("aria-pressed", String(this.log));
      this.tools.prepend(toggle);
    }
    this.start();
  }

  full() {
    return this.spec.x.domain;
  }

  scale(from, to) {
    return this.spec.x.scale(from, to);
  }

  paint(width) {
    const { spec } = this;
    const height = spec.height ?? 300;
    this.xScale = this.scale(...this.domain);
    this.yScale = this.log ? logScale(...this.range(true)) : linearScale(...this.range(false));
    const widest = Math.max(...this.yScale.ticks().map((tick) => spec.y.format(tick).length));
    const left = MARGIN.left + widest * DIGIT;
    const area = { height, top: MARGIN.top, bottom: height - MARGIN.bottom, left, right: width - MARGIN.right };
    this.x = (value) => area.left + this.xScale.place(value) * (area.right - area.left);
    this.y = (value) => area.bottom - this.yScale.place(value) * (area.bottom - area.top);
    this.axes(area);
    // A dot at the border is seen whole.
    const [x, y, wide, high] = [area.left, area.top - 6, area.right - area.left + 4, area.bottom - area.top + 7];
    const inside = shape("svg", { x, y, width: wide, height: high, viewBox: [x, y, wide, high].join(" "), class: "inside" });
    this.picture.append(inside);
    for (const [from, to] of spec.shaded ?? []) {
      inside.append(shape("rect", { x: this.x(from), width: this.x(to) - this.x(from), y: area.top, height: area.bottom - area.top, class: "shaded" }));
    }
    for (const line of this.shown()) inside.append(this.line(line));
    for (const [at] of spec.failures ?? []) {
      inside.append(shape("path", { d: `M${this.x(at) - 3.5},${area.top - 3.5}l7,7m0,-7l-7,7`, class: "failure" }));
    }
    return area;
  }

  /** Of what is shown and within the horizontal domain, with the neighbours that lines come from and go to. */
  range(log) {
    if (this.spec.y.domain) return this.spec.y.domain;
    const values = [];
    for (const line of this.shown()) {
      const { points } = line;
      points.forEach((point, number) => {
        const near = [points[number - 1], point, points[number + 1]];
        if (point !== null && near.some((it) => it && this.isWithin(it[0]))) values.push(point[1]);
      });
      for (const [x, low, high] of line.whiskers ?? []) if (this.isWithin(x)) values.push(low, high);
    }
    const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
    if (usable.length === 0) return log ? [1, 10] : [0, 1];
    const low = usable.reduce((a, b) => Math.min(a, b));
    const high = usable.reduce((a, b) => Math.max(a, b));
    return widened(this.spec.y.fromZero && !log ? 0 : low, high, log);
  }

  isWithin(x) {
    return x >= this.domain[0] * (1 - 1e-9) && x <= this.domain[1] * (1 + 1e-9);
  }

  axes(area) {
    const { x, y, rules } = this.spec;
    const grid = shape("g", { class: "grid" });
    const words = shape("g", { class: "words" });
    for (const tick of this.yScale.ticks()) {
      const at = Math.round(this.y(tick)) + 0.5;
      if (at < area.top - 1 || at > area.bottom + 1) continue;
      grid.append(shape("line", { x1: area.left, x2: area.right, y1: at, y2: at }));
      words.append(shape("text", { x: area.left - 8, y: at + 4, class: "end" }, y.format(tick)));
    }
    let taken = -Infinity;
    for (const [tick, name] of x.ticks ? x.ticks : this.xScale.ticks().map((it) => [it, x.format(it)])) {
      const at = this.x(tick);
      // Names beside each other must not run into one another.
      if (at < area.left - 1 || at > area.right + 1 || at - name.length * 3.6 < taken) continue;
      taken = at + name.length * 3.6 + 8;
      if (!x.ticks) grid.append(shape("line", { x1: at, x2: at, y1: area.top, y2: area.bottom }));
      words.append(shape("text", { x: at, y: area.bottom + 17, class: "middle" }, name));
    }
    for (const at of rules ?? []) {
      if (this.isWithin(at)) grid.append(shape("line", { x1: this.x(at), x2: this.x(at), y1: area.top, y2: area.bottom, class: "rule" }));
    }
    grid.append(shape("line", { x1: area.left, x2: area.right, y1: area.bottom + 0.5, y2: area.bottom + 0.5, class: "axis" }));
    const middle = (area.left + area.right) / 2;
    words.append(shape("text", { x: middle, y: area.bottom + 37, class: "middle name" }, x.title));
    const centre = (area.top + area.bottom) / 2;
    words.append(shape("text", { x: 13, y: centre, class: "middle name", transform: `rotate(-90 13 ${centre})` }, y.title));
    this.picture.append(grid, words);
  }

  line(line) {
    const shift = line.shift ?? 0;
    const places = line.points.map((point) => (point === null ? null : [this.x(point[0]) + shift, this.y(point[1])]));
    const faint = line.faint ?? places.length;
    const group = shape("g", { class: line.classes, "data-name": line.name });
    group.append(line.unjoined ? shape("g") : lineThrough(places.slice(0, faint), "sure"));
    // From the last that is sure, so that the line has no gap.
    if (faint < places.length) group.append(lineThrough(places.slice(Math.max(0, faint - 1)), "faint"));
    for (const [x, low, high] of line.whiskers ?? []) {
      const at = this.x(x) + shift;
      group.append(shape("path", { d: `M${at},${this.y(low)}V${this.y(high)}m-4,0h8M${at - 4},${this.y(low)}h8`, class: "whisker" }));
    }
    const dots = line.dots ? places.filter((place) => place !== null) : line.end ? places.slice(-1) : [];
    for (const [cx, cy] of dots) group.append(shape("circle", { cx, cy, r: line.unjoined ? 1.6 : 3, class: "dot" }));
    return group;
  }

  /** Every x at which a line that is shown has a point, or calls have failed. */
  stops() {
    const points = [...this.shown().flatMap((line) => line.points), ...(this.spec.failures ?? [])];
    const stops = points.filter((it) => it !== null && this.isWithin(it[0])).map((it) => it[0]);
    return [...new Set(stops)].sort((a, b) => a - b);
  }

  pick(x) {
    const distance = (stop) => Math.abs(this.x(stop) - x);
    return this.stops().reduce((best, stop) => (best === null || distance(stop) < distance(best) ? stop : best), null);
  }

  step(stop, by) {
    const stops = this.stops();
    if (stops.length === 0) return null;
    if (stop === null) return by > 0 ? stops[0] : stops[stops.length - 1];
    const number = stops.findIndex((it) => it >= stop);
    return stops[Math.min(stops.length - 1, Math.max(0, number + by))];
  }

  read(stop) {
    const { area, spec } = this;
    if (!this.isWithin(stop)) return null;
    const rows = [];
    for (const line of this.shown()) {
      const value = spec.between ? between(line.points, stop) : line.points.find((it) => it !== null && it[0] === stop)?.[1];
      if (value !== undefined) rows.push([line.classes, line.name, (spec.y.precise ?? spec.y.format)(value)]);
    }
    const failed = spec.failures?.find(([x]) => x === stop);
    if (failed) rows.push([null, "failed", short(failed[1])]);
    const x = this.x(stop);
    const cursor = shape("line", { x1: x, x2: x, y1: area.top, y2: area.bottom, class: "cursor" });
    return { heading: (spec.x.precise ?? spec.x.format)(stop), rows, x, y: area.top, cursor };
  }
}

/** The value of a line at a place between two of its points; at its ends, that of the end. */
function between(points, x) {
  const after = points.findIndex((it) => it[0] >= x);
  if (after < 0) return points[points.length - 1][1];
  if (after === 0) return points[0][0] > x ? 0 : points[0][1];
  const [[x0, y0], [x1, y1]] = [points[after - 1], points[after]];
  return x1 === x0 ? y1 : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}
