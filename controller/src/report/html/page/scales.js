// From values to places between 0 and 1, and which values to write at an axis.

const MOST_TICKS = 7;

function linearScale(from, to) {
  return {
    from,
    to,
    place: (value) => (value - from) / (to - from),
    value: (place) => from + place * (to - from),
    ticks: () => linearTicks(from, to),
  };
}

/** What is 0 or less has no place of its own, and is at the lower end. */
function logScale(from, to) {
  const [low, high] = [Math.log(from), Math.log(to)];
  return {
    from,
    to,
    place: (value) => (value <= 0 ? 0 : (Math.log(value) - low) / (high - low)),
    value: (place) => Math.exp(low + place * (high - low)),
    ticks: () => logTicks(from, to),
  };
}

/** Of 1/(1 − q). */
function percentileScale(from, to) {
  const scale = logScale(from, to);
  return { ...scale, ticks: () => percentileTicks(from, to) };
}

function linearTicks(from, to) {
  const step = roundStep((to - from) / MOST_TICKS);
  const ticks = [];
  for (let number = Math.ceil(from / step - 1e-9); number * step <= to * (1 + 1e-12) + step * 1e-9; number += 1) {
    ticks.push(number * step);
  }
  return ticks;
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((step) => step * power >= least) ?? 10);
}

function logTicks(from, to) {
  for (const steps of [[1], [1, 3], [1, 2, 5]]) {
    const ticks = multiples(from, to, steps);
    if (ticks.length > 3) return thinned(ticks);
  }
  return linearTicks(from, to);
}

function percentileTicks(from, to) {
  for (const steps of [[1], [1, 2], [1, 2, 4], [1, 1.25, 1.5, 2, 3, 4, 5, 8]]) {
    const ticks = multiples(from, to, steps);
    if (ticks.length > 3) return thinned(ticks);
  }
  return multiples(from, to, [1, 1.1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]);
}

/** Each step times each power of ten, from and to included. */
function multiples(from, to, steps) {
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to) + 1e-9; power += 1) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) found.push(value);
    }
  }
  return found;
}

function thinned(ticks) {
  const every = Math.ceil(ticks.length / (MOST_TICKS + 2));
  return ticks.filter((_, number) => number % every === 0);
}

/** A domain that has some width, also around values that are all the same. */
function widened(low, high, log) {
  if (!(low < high)) {
    const room = log ? 1.25 : Math.max(Math.abs(low) * 0.1, 1e-9);
    return log ? [low / room, low * room] : [low - room, low + room];
  }
  if (log) {
    const room = (high / low) ** 0.05;
    return [low / room, high * room];
  }
  const room = (high - low) * 0.05;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}
