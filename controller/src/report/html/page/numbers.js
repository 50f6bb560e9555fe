// Numbers as a reader sees them.

/** Three significant digits, and never less than the digits before the point. */
function significant(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const decimals = Math.min(7, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(decimals).replace("-", "−");
}

function signed(value) {
  return (value > 0 ? "+" : "") + significant(value);
}

/** Nanoseconds in milliseconds. */
function ms(ns) {
  return significant(ns / 1e6);
}

/** As short as it can be without another number being meant: 0.5, 20, 1,000. */
function short(value) {
  return Number(value.toPrecision(12)).toLocaleString("en", { maximumFractionDigits: 9 }).replace("-", "−");
}

/** The percentile that one of so many samples is beyond: 1000 is 99.9. */
function percentile(oneOf) {
  const percent = 100 * (1 - 1 / oneOf);
  const decimals = Math.max(0, Math.ceil(Math.log10(oneOf) - 1.999999));
  return Number(percent.toFixed(Math.min(10, decimals + 1))).toString();
}
