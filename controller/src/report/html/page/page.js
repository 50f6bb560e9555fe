// The page itself: colours, contents, and the charts in turn.

/** Of drawing at a stretch; the reader may want to scroll. */
const STRETCH_MS = 12;
const THEME = "rpycbench-theme";

function start() {
  themes(document.querySelector(".switch"));
  for (const table of document.querySelectorAll("table.sortable")) {
    sortable(table);
    searchable(table);
  }
  contents();
  const waiting = charts(JSON.parse(document.getElementById("data").textContent));
  const drawAll = () => {
    while (waiting.length > 0) waiting.shift()();
  };
  window.addEventListener("beforeprint", drawAll);
  requestAnimationFrame(() => setTimeout(() => drawInTurn(waiting)));
}

function charts(data) {
  return [...document.querySelectorAll("figure[data-chart], [data-panels], [data-choice]")].flatMap((place) => {
    const { chart, of, choice } = place.dataset;
    if (chart) return [() => FIGURES[chart](place, data, of)];
    return choice ? [differences(place, data)] : panels(place, data);
  });
}

function drawInTurn(waiting) {
  const until = performance.now() + STRETCH_MS;
  while (waiting.length > 0 && performance.now() < until) waiting.shift()();
  if (waiting.length > 0) setTimeout(() => drawInTurn(waiting));
  else document.documentElement.dataset.drawn = "yes";
}

/** Light, dark, or as the system has it; remembered where the browser lets a file do so. */
function themes(group) {
  const root = document.documentElement;
  const choose = (choice) => {
    if (choice === "auto") root.removeAttribute("data-theme");
    else root.dataset.theme = choice;
    for (const key of group.querySelectorAll("button")) {
      key.setAttribute("aria-pressed", String(key.dataset.themeChoice === choice));
    }
  };
  for (const key of group.querySelectorAll("button")) {
    key.addEventListener("click", () => {
      choose(key.dataset.themeChoice);
      remember(() => localStorage.setItem(THEME, key.dataset.themeChoice));
    });
  }
  const remembered = remember(() => localStorage.getItem(THEME));
  choose(["light", "dark"].includes(remembered) ? remembered : "auto");
  group.hidden = false;
}

/** A browser may refuse to keep anything for a file. */
function remember(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

/** Marks the part of the contents that is being read. */
function contents() {
  const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
}

start();
