// Rows with something to measure from left to right: differences with their intervals, and bars of parts.

/** Pixels, from which on there is room for an interval in words. */
const WIDE = 640;
const ROW = { height: 46, top: 8, bottom: 42, side: 8 };

/** What both have in common: `rows` of a label, its words at the right, and how it is drawn. */
class RowChart extends Chart {
  paint(width) {
    this.wide = width > WIDE;
    const rows = this.rows();
    const area = { left: ROW.side, right: width - ROW.side, top: ROW.top, bottom: ROW.top + rows.length * ROW.height };
    area.height = area.bottom + ROW.bottom;
    this.xScale = this.scale(...this.domain);
    this.x = (value) => area.left + Math.min(1.01, Math.max(-0.01, this.xScale.place(value))) * (area.right - area.left);
    const grid = shape("g", { class: "grid" });
    const words = shape("g", { class: "words" });
    let taken = -Infinity;
    for (const tick of this.xScale.ticks()) {
      const name = this.format(tick);
      const at = this.x(tick);
      if (at < area.left - 1 || at > area.right + 1) continue;
      grid.append(shape("line", { x1: at, x2: at, y1: area.top, y2: area.bottom }));
      const half = name.length * 3.6;
      const middle = Math.min(Math.max(at, half), width - half);
      if (middle - half < taken) continue;
      taken = middle + half + 8;
      words.append(shape("text", { x: middle, y: area.bottom + 16, class: "middle" }, name));
    }
    words.append(shape("text", { x: width / 2, y: area.bottom + 35, class: "middle name" }, this.axis()));
    if (this.zero !== undefined && this.xScale.from <= this.zero && this.zero <= this.xScale.to) {
      grid.append(shape("line", { x1: this.x(this.zero), x2: this.x(this.zero), y1: area.top, y2: area.bottom, class: "axis" }));
    }
    this.picture.append(grid, words);
    rows.forEach((row, number) => {
      const top = area.top + number * ROW.height;
      words.append(
        shape("text", { x: area.left, y: top + 15, class: "label" }, row.label),
        shape("text", { x: area.right, y: top + 15, class: "end value" }, row.value));
      this.picture.append(row.draw(top + 31, area));
    });
    return area;
  }

  pick(x, y) {
    const number = Math.floor((y - ROW.top) / ROW.height);
    return number >= 0 && number < this.rows().length ? number : null;
  }

  step(stop, by) {
    const last = this.rows().length - 1;
    if (last < 0) return null;
    if (stop === null) return by > 0 ? 0 : last;
    return Math.min(last, Math.max(0, stop + by));
  }

  read(stop) {
    const row = this.rows()[stop];
    if (!row) return null;
    const { left, right } = this.area;
    const top = ROW.top + stop * ROW.height;
    const cursor = shape("rect", { x: left - 6, width: right - left + 12, y: top, height: ROW.height, rx: 4, class: "cursor" });
    return { heading: row.label, rows: row.details, x: right, y: top + ROW.height, cursor };
  }
}

const METRICS = { mean: "mean", p50: "p50", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9", throughput_per_s: "throughput" };

/** Differences: a point, its interval, and whether it can be told from none. */
class ForestChart extends RowChart {
  constructor(figure, { label, title, rows, confidence = 0.95 }) {
    const series = [
      { name: "more", classes: "more", kind: "more" },
      { name: "less", classes: "less", kind: "less" },
      { name: "not told apart", classes: "untold", kind: "untold" },
    ];
    super(figure, { label, title, series });
    this.all = rows;
    this.confidence = confidence;
    this.asRatio = false;
    const offered = Object.entries(METRICS).filter(([metric]) => rows.some((row) => row.metrics.some((it) => it.metric === metric)));
    this.metric = offered[0][0];
    const choose = element("select", { "aria-label": "Metric" }, ...offered.map(([metric, name]) => element("option", { value: metric }, name)));
    choose.addEventListener("change", () => this.change(() => (this.metric = choose.value)));
    const ratio = button("ratio", "Ratios instead of differences", () => this.change(() => {
      this.asRatio = !this.asRatio;
      ratio.setAttribute("aria-pressed", String(this.asRatio));
    }));
    ratio.setAttribute("aria-pressed", "false");
    this.tools.prepend(choose, ratio);
    this.start();
  }

  change(act) {
    act();
    this.zoomed = false;
    this.figure.removeAttribute("data-zoomed");
    this.domain = this.full();
    this.draw();
  }

  get zero() {
    return this.asRatio ? 1 : 0;
  }

  get unit() {
    return this.metric === "throughput_per_s" ? { of: 1, name: "calls/s" } : { of: 1e6, name: "ms" };
  }

  /** Of the metric that is chosen: value and interval in the units of the axis, as far as there are any. */
  found() {
    const shown = new Set(this.shown().map((it) => it.kind));
    return this.all.flatMap((row) => {
      const it = row.metrics.find(({ metric }) => metric === this.metric);
      const value = it && (this.asRatio ? it.ratio : it.difference / this.unit.of);
      if (value === null || value === undefined) return [];
      const ends = this.asRatio ? it.ratio_ci95 : it.difference_ci95?.map((end) => end / this.unit.of);
      const kind = !it.distinguishable ? "untold" : it.difference > 0 ? "more" : "less";
      return shown.has(kind) ? [{ row, it, value, ends: ends ?? null, kind }] : [];
    });
  }

  full() {
    const values = this.found().flatMap(({ value, ends }) => [value, ...(ends ?? [])]).filter((it) => !this.asRatio || it > 0);
    const [low, high] = [this.zero, ...values].reduce(([a, b], it) => [Math.min(a, it), Math.max(b, it)], [Infinity, -Infinity]);
    if (this.asRatio) return widened(low, high, true);
    const room = (high - low || 1) * 0.06;
    return [low - room, high + room];
  }

  scale(from, to) {
    return this.asRatio ? logScale(from, to) : linearScale(from, to);
  }

  format(value) {
    return this.asRatio ? `×${short(value)}` : (value > 0 ? "+" : "") + short(value);
  }

  axis() {
    const metric = METRICS[this.metric];
    return this.asRatio ? `Ratio of ${metric}` : `Difference of ${metric} (${this.unit.name})`;
  }

  rows() {
    return this.found().map(({ row, it, value, ends, kind }) => {
      const bare = this.asRatio ? (number) => `×${significant(number)}` : signed;
      const shown = this.asRatio ? bare(value) : `${bare(value)} ${this.unit.name}`;
      const range = ends ? `${bare(ends[0])} to ${bare(ends[1])}` : "no interval";
      const details = [["difference", `${signed(it.difference / this.unit.of)} ${this.unit.name}`]];
      if (it.ratio !== null) details.push(["ratio", `×${significant(it.ratio)}`]);
      details.push([`${Number((this.confidence * 100).toFixed(2))} % interval`, range], ["told apart", it.distinguishable ? "yes" : "no"]);
      return {
        label: row.label + (row.doubted ? " (a cell is invalid)" : ""),
        value: this.wide ? `${shown} (${range})` : shown,
        details: details.map((detail) => [null, ...detail]),
        draw: (y) => this.interval(y, value, ends, kind),
      };
    });
  }

  interval(y, value, ends, kind) {
    const group = shape("g", { class: kind });
    if (ends) {
      const [from, to] = ends.map((end) => this.x(end));
      group.append(shape("path", { d: `M${from},${y}H${to}M${from},${y - 5}v10M${to},${y - 5}v10`, class: "line" }));
    }
    group.append(shape("circle", { cx: this.x(value), cy: y, r: 4.5, class: "dot" }));
    return group;
  }
}

/** Bars of parts; a part that is not resolved is pale. */
class BarChart extends RowChart {
  constructor(figure, { label, title, parts, bars }) {
    super(figure, { label, title, series: parts.map((name, place) => ({ name, place, classes: `c${place}`, bar: true })) });
    this.bars = bars;
    this.zero = 0;
    this.start();
  }

  /** Parts that are switched on and are there. */
  partsOf(bar) {
    return this.shown().map((it) => ({ ...it, share: bar.parts[it.place] })).filter((it) => it.share);
  }

  full() {
    const totals = this.bars.map((bar) => this.partsOf(bar).reduce((sum, { share }) => sum + Math.max(0, share.mean), 0));
    const low = Math.min(0, ...this.bars.flatMap((bar) => this.partsOf(bar).map(({ share }) => share.mean)));
    return [low / 1e6, (totals.reduce((a, b) => Math.max(a, b), 0) || 1e6) * 1.02 / 1e6];
  }

  scale(from, to) {
    return linearScale(from, to);
  }

  format(value) {
    return short(value);
  }

  axis() {
    return "Mean (ms)";
  }

  rows() {
    return this.bars.map((bar) => {
      const parts = this.partsOf(bar);
      const total = parts.reduce((sum, { share }) => sum + share.mean, 0);
      const words = ({ share }) => {
        const range = share.range ? `, median ${ms(share.range[0])} to ${ms(share.range[1])}` : "";
        return share.resolved ? `${ms(share.mean)} ms${range}` : `not resolved${range}`;
      };
      const unpaired = bar.unpaired ? [[null, "not taken apart", short(bar.unpaired)]] : [];
      return {
        label: bar.look.name,
        value: parts.length ? `${ms(total)} ms` : "nothing known",
        details: [...parts.map((it) => [it.classes, it.name, words(it)]), [null, "samples", short(bar.count)], ...unpaired],
        draw: (y, area) => this.stack(y, parts, area),
      };
    });
  }

  /** One part after the other. A negative one, which only clocks that contradict each other give, goes back from zero. */
  stack(y, parts, area) {
    const group = shape("g");
    let from = 0;
    for (const { share, classes, name } of parts) {
      const value = share.mean / 1e6;
      const [start, end] = value < 0 ? [value, 0] : [from, from + value];
      from = Math.max(from, end);
      const x = Math.max(area.left, this.x(start));
      const width = Math.max(0, Math.min(area.right, this.x(end)) - x);
      group.append(shape("rect", { x, y: y - 8, width, height: 16, class: `bar ${classes}${share.resolved ? "" : " unresolved"}`, "data-name": name }));
    }
    return group;
  }
}
