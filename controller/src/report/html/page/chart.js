// What all charts have in common: their frame, looking closer, reading values, switching series on and off.

const LEAST_WIDTH = 240;
/** Of the whole, below which nobody looks closer. */
const LEAST_SHARE = 1e-4;
const DRAG_FROM = 6;

/**
 * A chart in a figure. What draws one has
 * `full()`: the horizontal domain of everything; `scale(from, to)`: its scale; `paint(area)`: draws into `this.picture`;
 * `pick(x, y)`: the stop nearest to a place; `step(stop, by)`: the next; `read(stop)`: its words and where they belong.
 */
class Chart {
  constructor(figure, { label, title, series }) {
    this.figure = figure;
    this.series = series;
    this.off = new Set();
    this.stop = null;
    this.picture = shape("svg", { role: "img", "aria-label": label });
    this.readout = element("div", { class: "readout", role: "status" });
    const keys = "Plus and minus zoom, arrows read values, zero shows all.";
    this.plot = element("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `${label}. ${keys}` }, this.picture, this.readout);
    this.tools = element("div", { class: "tools" },
      button("+", "Look closer", () => this.zoom(0.5)),
      button("−", "Show more", () => this.zoom(2)),
      button("All", "Show all", () => this.reset()));
    figure.append(element("figcaption", {}, element("span", { class: "title" }, title), this.tools), this.plot, this.legend());
    this.listen();
  }

  /** Draws it for the first time, and again whenever there is another width. */
  start() {
    this.domain = this.full();
    let width = 0;
    const fit = () => {
      const now = Math.max(LEAST_WIDTH, Math.floor(this.plot.clientWidth));
      if (now === width) return;
      width = now;
      this.draw();
    };
    fit();
    new ResizeObserver(fit).observe(this.plot);
    this.figure.dataset.drawn = "yes";
  }

  shown() {
    return this.series.filter((it) => !this.off.has(it));
  }

  draw() {
    const width = Math.max(LEAST_WIDTH, Math.floor(this.plot.clientWidth));
    this.picture.replaceChildren();
    this.area = this.paint(width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${this.area.height}`);
    this.picture.setAttribute("height", this.area.height);
    this.show(this.stop);
  }

  legend() {
    const list = element("ul", { class: "legend" });
    for (const it of this.series) {
      const key = button(swatch(it.classes, it.bar), `Switch ${it.name} on or off`, () => {
        if (!this.off.delete(it)) this.off.add(it);
        key.setAttribute("aria-pressed", String(!this.off.has(it)));
        this.domain = this.zoomed ? this.domain : this.full();
        this.draw();
      });
      key.append(it.name);
      key.setAttribute("aria-pressed", String(!it.startsOff));
      if (it.startsOff) this.off.add(it);
      list.append(element("li", {}, key));
    }
    if (this.off.size > 0) list.append(element("li", { class: "note" }, `${this.off.size} of ${this.series.length} are off at first.`));
    return list;
  }

  listen() {
    const { plot } = this;
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    plot.addEventListener("pointerdown", (event) => this.press(event));
    plot.addEventListener("pointermove", (event) => this.move(event));
    plot.addEventListener("pointerup", (event) => this.release(event));
    plot.addEventListener("pointercancel", () => this.letGo());
    // A finger leaves whenever it is lifted, and what it has asked for stays.
    plot.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.pressed === undefined && this.show(null));
    plot.addEventListener("blur", () => this.show(null));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.reset(),
      Escape: () => this.reset(),
      ArrowLeft: () => (event.shiftKey ? this.pan(-0.25) : this.show(this.step(this.stop, -1))),
      ArrowRight: () => (event.shiftKey ? this.pan(0.25) : this.show(this.step(this.stop, 1))),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  wheel(event) {
    // Without a key the wheel scrolls the page.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.placeOf(event));
  }

  press(event) {
    if (event.button !== 0) return;
    this.pressed = this.placeOf(event);
    this.selection = shape("rect", { class: "selection", y: this.area.top, height: this.area.bottom - this.area.top });
    plotCapture(this.plot, event);
  }

  move(event) {
    if (this.pressed === undefined) {
      this.show(this.pick(...this.pointOf(event)));
      return;
    }
    const [from, to] = [this.pressed, this.placeOf(event)].sort((a, b) => a - b);
    const { left, right } = this.area;
    this.selection.setAttribute("x", left + from * (right - left));
    this.selection.setAttribute("width", (to - from) * (right - left));
    this.picture.append(this.selection);
  }

  release(event) {
    if (this.pressed === undefined) return;
    const [from, to] = [this.pressed, this.placeOf(event)].sort((a, b) => a - b);
    const dragged = (to - from) * (this.area.right - this.area.left);
    this.letGo();
    if (dragged > DRAG_FROM) this.look(from, to);
    else this.show(this.pick(...this.pointOf(event)));
  }

  letGo() {
    this.pressed = undefined;
    this.selection?.remove();
  }

  /** Where an event is, in the picture's own pixels. */
  pointOf(event) {
    const box = this.picture.getBoundingClientRect();
    const ratio = this.picture.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  /** Its share of the way from left to right. */
  placeOf(event) {
    const { left, right } = this.area;
    return Math.min(1, Math.max(0, (this.pointOf(event)[0] - left) / (right - left)));
  }

  zoom(by, around = 0.5) {
    const from = around - by * around;
    this.look(from, from + by);
  }

  pan(by) {
    this.look(by, 1 + by);
  }

  /** Shows what is between two places of what is shown now, which may be outside of it. */
  look(from, to) {
    const [now, full] = [this.scale(...this.domain), this.scale(...this.full())];
    let [low, high] = [from, to].map((place) => full.place(now.value(place)));
    if (high - low < LEAST_SHARE) return;
    if (high - low > 1) [low, high] = [0, 1];
    const shift = Math.max(0, -low) - Math.max(0, high - 1);
    this.zoomed = high - low < 1 - 1e-9;
    this.domain = this.zoomed ? [full.value(low + shift), full.value(high + shift)] : this.full();
    this.figure.toggleAttribute("data-zoomed", this.zoomed);
    this.draw();
  }

  reset() {
    this.look(-1e9, 1e9);
  }

  /** Says what is at a stop, or nothing. */
  show(stop) {
    this.stop = stop;
    const { readout } = this;
    readout.replaceChildren();
    this.cursor?.remove();
    const read = stop === null || stop === undefined ? null : this.read(stop);
    readout.classList.toggle("on", read !== null);
    if (read === null) return;
    this.cursor = read.cursor;
    this.picture.append(this.cursor);
    readout.append(element("p", {}, read.heading));
    for (const [classes, name, value] of read.rows) {
      readout.append(element("div", {}, classes === null ? "" : swatch(classes), element("span", {}, name), element("b", {}, value)));
    }
    const scale = this.picture.getBoundingClientRect().width / this.picture.viewBox.baseVal.width || 1;
    const beside = read.x * scale + 14;
    const room = this.plot.clientWidth - readout.offsetWidth;
    const left = beside > room ? read.x * scale - readout.offsetWidth - 14 : beside;
    readout.style.left = `${Math.max(0, Math.min(left, room))}px`;
    readout.style.top = `${read.y * scale}px`;
  }
}

function plotCapture(plot, event) {
  // A pointer that is already gone cannot be held.
  if (plot.isConnected && event.isTrusted) plot.setPointerCapture(event.pointerId);
}
