// Tables that sort by any of their columns, and can be searched where they are long.

/** Rows, from which on a table has a field to search it. */
const SEARCHED_FROM = 15;

function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const name = heading.textContent;
    const key = element("button", { type: "button", class: "sort" }, name);
    key.addEventListener("click", () => sortBy(table, headings, column));
    heading.replaceChildren(key);
  });
}

/** By a column, upwards at first and then in turns. Rows that are equal stay in their order. */
function sortBy(table, headings, column) {
  const downwards = headings[column].getAttribute("aria-sort") === "ascending";
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", downwards ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([a], [b]) => compare(a, b, downwards));
  body.append(...rows.map(([, row]) => row));
}

/** A number where there is one; what was not measured is last, whichever way. */
function valueOf(cell) {
  const text = (cell.dataset.v ?? cell.textContent).trim();
  if (text === "" || text === "–") return null;
  const number = Number(text.replace(/,(?=\d{3})/g, "").replace("−", "-"));
  return Number.isNaN(number) ? text : number;
}

function compare(a, b, downwards) {
  if (a === null || b === null) return (a === null) - (b === null);
  const both = typeof a === "number" && typeof b === "number";
  const order = both ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return downwards ? -order : order;
}

function searchable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < SEARCHED_FROM) return;
  const caption = table.closest(".table").querySelector(".caption");
  const field = element("input", { type: "search", placeholder: "Search…", "aria-label": `Search: ${caption.textContent}` });
  const told = element("span", { role: "status" });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      found += row.hidden ? 0 : 1;
    }
    told.textContent = words.length ? `${found} of ${rows.length}` : "";
  });
  caption.append(element("span", { class: "search" }, field, told));
}
