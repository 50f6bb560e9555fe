// Elements of the page and of its pictures. Text is always text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = 8;
const DASHES = 4;

/** An HTML element with attributes and children; text is a child. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same of SVG. */
function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function button(text, label, act) {
  const made = element("button", { type: "button", "aria-label": label, title: label }, text);
  made.addEventListener("click", act);
  return made;
}

function colourOf(look) {
  return `c${look.colour % COLOURS}`;
}

function lookOf(look) {
  return `${colourOf(look)} d${look.dash % DASHES}`;
}

/** A sample of a line or of a bar, for legends and readouts. */
function swatch(classes, filledIn = false) {
  const mark = filledIn
    ? shape("rect", { x: 2, y: 2, width: 18, height: 8, rx: 2, class: "bar" })
    : shape("line", { x1: 1, x2: 21, y1: 6, y2: 6, class: "line" });
  return shape("svg", { viewBox: "0 0 22 12", width: 22, height: 12, class: `swatch ${classes}`, "aria-hidden": "true" }, mark);
}

/** A path through places; null interrupts it. A place between two gaps is a dot, which a path would not show. */
function lineThrough(places, classes) {
  const group = shape("g", { class: classes });
  let path = "";
  let run = [];
  const end = () => {
    if (run.length === 1) group.append(shape("circle", { cx: run[0][0], cy: run[0][1], r: 2, class: "dot" }));
    else if (run.length > 1) path += `M${run.map(([x, y]) => `${x},${y}`).join("L")}`;
    run = [];
  };
  for (const place of places) {
    if (place === null) end();
    else run.push(place.map((it) => Math.round(it * 10) / 10));
  }
  end();
  if (path) group.prepend(shape("path", { d: path, class: "line" }));
  return group;
}
