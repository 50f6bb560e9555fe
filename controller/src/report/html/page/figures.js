// From the page's data to its charts.

/** Beyond this many lines those further on are switched off at first. */
const MOST_LINES = 12;
/** Samples beyond a percentile, below which it says little. */
const ENOUGH_BEYOND = 10;
/** Pixels. */
const WHISKERS_APART = 5;
/** Of the clients' axis, left free at both ends. */
const CLIENTS_ROOM = 0.12;
/** Of the whole time line, between two blocks. */
const GAP = 0.012;

const FIGURES = {
  spectrum: (figure, data, of) => spectrum(figure, data, data.distributions[of]),
  cdf: (figure, data, of) => cumulative(figure, data, data.distributions[of]),
  topologies: (figure, data, of) => new ForestChart(figure, { ...named(figure), rows: data.topologies[of].rows }),
  servers: (figure, data, of) => new ForestChart(figure, { ...named(figure), rows: data.servers[of].rows }),
  changes: (figure, data, of) => new ForestChart(figure, { ...named(figure), rows: data.changes[of].rows, confidence: data.confidence }),
  ways: (figure, data, of) => new BarChart(figure, { ...named(figure), ...data.ways[of] }),
  throughput: (figure, data, of) => load(figure, data.loads[of], "throughput", { title: "Calls/s", of: 1, precise: inCalls }),
  p50: (figure, data, of) => load(figure, data.loads[of], "p50", { title: "Time (ms)", of: 1e6, precise: inMs }),
  p99: (figure, data, of) => load(figure, data.loads[of], "p99", { title: "Time (ms)", of: 1e6, precise: inMs }),
};

function named(figure) {
  return { label: figure.dataset.label, title: figure.dataset.title };
}

function spectrum(figure, data, distribution) {
  const lines = distribution.lines.map((line, number) => {
    const points = line.durations.map((ns, place) => [1 / (1 - data.quantiles[place]), ns / 1e6]);
    // The longest of n has n − 1 others: by Hazen's plotting position half a sample is beyond it.
    if (line.max !== null) points.push([2 * line.count, line.max / 1e6]);
    const faint = points.findIndex(([oneOf]) => line.count / oneOf < ENOUGH_BEYOND);
    return { name: line.look.name, classes: lookOf(line.look), points, faint: faint < 0 ? undefined : faint, end: true, startsOff: number >= MOST_LINES };
  });
  const most = distribution.lines.reduce((high, line) => Math.max(high, line.count), 1);
  new LineChart(figure, {
    ...named(figure),
    lines,
    x: {
      title: "Percentile",
      domain: [1, 2 * most],
      scale: percentileScale,
      format: percentile,
      precise: (oneOf) => (distribution.lines.some((line) => 2 * line.count === oneOf) ? "longest" : `p${percentile(oneOf)}`),
    },
    y: { title: "Time (ms)", format: short, precise: inMs, log: spans(lines), choice: true, fromZero: true },
  });
}

function cumulative(figure, data, distribution) {
  const lines = distribution.lines.filter((line) => line.max !== null).map((line, number) => {
    const points = line.durations.map((ns, place) => [ns / 1e6, data.quantiles[place] * 100]);
    points.push([line.max / 1e6, 100]);
    return { name: line.look.name, classes: lookOf(line.look), points, startsOff: number >= MOST_LINES };
  });
  const values = lines.flatMap((line) => [line.points[0][0], line.points[line.points.length - 1][0]]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0;
  new LineChart(figure, {
    ...named(figure),
    lines,
    between: true,
    x: { title: "Time (ms)", domain: widened(low, high, log), scale: log ? logScale : linearScale, format: short, precise: inMs },
    y: { title: "Share (%)", domain: [0, 100], format: short, precise: (share) => `${share.toFixed(2)} %` },
  });
}

function inMs(value) {
  return `${significant(value)} ms`;
}

/** Whether values differ so much that a linear axis would hide the small ones. */
function spans(lines) {
  const values = lines.flatMap((line) => line.points.map((point) => point[1])).filter((value) => value > 0);
  return values.reduce((a, b) => Math.max(a, b), 0) > 20 * values.reduce((a, b) => Math.min(a, b), Infinity);
}

/** A chart for each cell, or where these are many, for the one that is chosen. Returns what draws each. */
function panels(place, data) {
  const distribution = data.distributions[place.dataset.panels];
  const domain = timeDomain(distribution);
  const drawn = (line) => {
    const figure = element("figure", { class: "chart panel", "data-chart": "time" });
    place.append(figure);
    return () => course(figure, distribution, line, domain);
  };
  if (distribution.lines.length <= MOST_LINES) return distribution.lines.map(drawn);
  place.classList.remove("panels");
  return [chosen(place, distribution.lines.map((line) => line.look.name), (number) => drawn(distribution.lines[number])())];
}

/** One of many differences at a time. */
function differences(place, data) {
  const kind = place.dataset.choice;
  const draw = (number) => {
    const { title, why } = data[kind][number];
    if (why !== null) {
      place.append(element("p", { class: "why" }, `${title} not drawn: ${why}.`));
      return;
    }
    const figure = element("figure", { class: "chart", "data-chart": kind, "data-title": title, "data-label": `Differences, ${title}` });
    place.append(figure);
    FIGURES[kind](figure, data, number);
  };
  return chosen(place, data[kind].map(({ title }) => title), draw);
}

/** Lets a reader choose by name what is drawn at a place. Returns what draws the first. */
function chosen(place, names, draw) {
  const options = names.map((name, number) => element("option", { value: number }, name));
  const choose = element("select", {}, ...options);
  place.before(element("label", { class: "choose" }, `One of ${names.length}: `, choose));
  choose.addEventListener("change", () => {
    place.replaceChildren();
    draw(choose.value);
  });
  return () => draw(0);
}

function timeDomain(distribution) {
  const values = distribution.lines.flatMap((line) => line.blocks.flatMap((block) => [...block.p50, ...block.max]));
  const usable = values.filter((ns) => ns !== null && ns > 0);
  const low = usable.reduce((a, b) => Math.min(a, b), Infinity);
  const high = usable.reduce((a, b) => Math.max(a, b), 0);
  return high > 0 ? widened(low / 1e6, high / 1e6, true) : [1, 10];
}

/** Its blocks, one after the other. */
function course(figure, distribution, line, domain) {
  const spans = line.blocks.map((block) => block.slice_ns * block.count.length);
  const gap = spans.reduce((sum, ns) => sum + ns, 0) * GAP;
  const [points, places, rules, ticks, failures, shaded] = [{ p50: [], p99: [], max: [] }, new Map(), [], [], [], []];
  let start = 0;
  line.blocks.forEach((block, number) => {
    if (number > 0) rules.push(start - gap / 2);
    if (block.steady_after_ns > 0) shaded.push([start, start + block.steady_after_ns]);
    ticks.push([start + spans[number] / 2, `${block.block}`]);
    block.count.forEach((_, slice) => {
      const x = start + (slice + 0.5) * block.slice_ns;
      places.set(x, [block, slice]);
      if (block.failed[slice] > 0) failures.push([x, block.failed[slice]]);
      for (const name of ["p50", "p99", "max"]) {
        points[name].push(block[name][slice] === null ? null : [x, block[name][slice] / 1e6]);
      }
    });
    for (const name of ["p50", "p99", "max"]) points[name].push(null);
    start += spans[number] + gap;
  });
  const colour = colourOf(line.look);
  new LineChart(figure, {
    label: `${line.look.name}, ${distribution.workload}, over time`,
    title: line.look.name,
    height: 220,
    lines: [
      { name: "p50", classes: `${colour} median`, points: points.p50 },
      { name: "p99", classes: `${colour} tail`, points: points.p99 },
      { name: "longest", classes: `${colour} extreme`, points: points.max, dots: true, unjoined: true },
    ],
    rules,
    failures,
    shaded,
    x: {
      title: "Blocks, one after the other",
      domain: [-gap / 2, Math.max(start - gap / 2, 1)],
      scale: linearScale,
      ticks,
      format: short,
      precise: (x) => {
        const [block, slice] = places.get(x) ?? [];
        return block ? `block ${block.block}, ${significant(((slice + 0.5) * block.slice_ns) / 1e9)} s, ${short(block.count[slice])} good calls` : "";
      },
    },
    y: { title: "Time (ms)", domain, format: short, precise: inMs, log: true },
  });
}

/** A metric of the results against the number of clients. */
function load(figure, load, metric, unit) {
  const lines = load.lines.map((line, number) => {
    const points = line.points.filter((it) => it[metric] !== null).map((it) => [it.clients, it[metric] / unit.of]);
    const ends = (it) => it[`${metric}_ci95`];
    const whiskers = line.points.filter(ends).map((it) => [it.clients, ...ends(it).map((end) => end / unit.of)]);
    // Side by side, so that whiskers do not hide each other.
    const shift = (number - (load.lines.length - 1) / 2) * WHISKERS_APART;
    return { name: line.look.name, classes: lookOf(line.look), points, whiskers, shift, dots: true, startsOff: number >= MOST_LINES };
  });
  const numbers = [...new Set(load.lines.flatMap((line) => line.points.map((it) => it.clients)))].sort((a, b) => a - b);
  const [fewest, most] = [numbers[0], numbers[numbers.length - 1]];
  const room = (most / fewest) ** CLIENTS_ROOM;
  new LineChart(figure, {
    ...named(figure),
    lines,
    x: {
      title: "Clients at the same time",
      domain: [fewest / room, most * room],
      scale: logScale,
      ticks: numbers.map((number) => [number, short(number)]),
      format: short,
      precise: (number) => (number === 1 ? "1 client" : `${short(number)} clients`),
    },
    y: { title: unit.title, format: short, precise: unit.precise, log: spans(lines), choice: true, fromZero: true },
  });
}

function inCalls(value) {
  return `${significant(value)}/s`;
}
