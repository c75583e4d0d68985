// The report's gallery, comparison of runs, and sorting. The page is whole without it; it fetches nothing, and puts text in as text.
"use strict";

function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// --- sorting: a press on a heading sorts by its column, another the other way round

function key(cell) {
  const number = parseFloat(cell.textContent.replace(/,/g, ""));
  return Number.isNaN(number) ? null : number;
}

function sort(table, column, down) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row, row.cells[column]]);
  const sign = down ? -1 : 1;
  rows.sort(([, a], [, b]) => {
    const x = key(a), y = key(b);
    if (x !== null && y !== null) return sign * (x - y);
    if (x === null && y === null) return sign * a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
    return x === null ? 1 : -1; // what has no number comes last, either way
  });
  body.append(...rows.map(([row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = made("button", { type: "button", className: "sort" }, ...head.childNodes);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(table, column, down);
    });
    head.append(button);
  });
}

// --- a picture in large: Enter or a press opens it, arrows go on, Escape closes it

const pictures = [...document.querySelectorAll(".strip img")];
const large = made("img", { alt: "" }), words = made("p");
const back = made("button", { type: "button", textContent: "← earlier" });
const on = made("button", { type: "button", textContent: "later →" });
const shut = made("button", { type: "button", textContent: "close" });
const viewer = made("dialog", { className: "viewer", "aria-label": "picture" }, large, words, made("p", {}, back, on, shut));
let shown = 0;

function show(i) {
  shown = (i + pictures.length) % pictures.length;
  const figure = pictures[shown].closest("figure");
  large.src = pictures[shown].src;
  large.alt = pictures[shown].alt;
  words.textContent = `${figure.dataset.run} ${figure.dataset.kind} step ${figure.dataset.step}`;
  if (!viewer.open) viewer.showModal();
}

back.addEventListener("click", () => show(shown - 1));
on.addEventListener("click", () => show(shown + 1));
shut.addEventListener("click", () => viewer.close());
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(shown - 1);
  if (event.key === "ArrowRight") show(shown + 1);
});
pictures.forEach((image, i) => {
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  image.addEventListener("click", () => show(i));
  image.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    show(i);
  });
});
document.body.append(viewer);

// --- the gallery: the newest picture of each run; those that are chosen stand side by side, at one step

const runs = new Map(); // "name/s0: kind" -> its pictures, oldest first
for (const image of pictures) {
  const { run, kind } = image.closest("figure").dataset;
  const name = kind ? `${run}: ${kind}` : run;
  if (!runs.has(name)) runs.set(name, []);
  runs.get(name).push(image);
}

const place = document.getElementById("gallery");
if (runs.size && place) {
  const grid = made("div", { className: "gallery" }), columns = made("div", { className: "columns" });
  const steps = [...new Set(pictures.map((image) => Number(image.closest("figure").dataset.step)))].sort((a, b) => a - b);
  const slider = made("input", { type: "range", min: 0, max: steps.length - 1, value: steps.length - 1, id: "step" });
  const at = made("output", { htmlFor: "step" });
  const compare = made("section", { hidden: true, "aria-label": "side by side" }, made("h3", { textContent: "Side by side" }),
    made("label", { htmlFor: "step" }, "step "), slider, " ", at, columns);
  const chosen = new Set();

  function lay() {
    const step = steps[slider.value];
    at.textContent = step;
    compare.hidden = chosen.size === 0;
    columns.replaceChildren(...[...chosen].map((name) => {
      const every = runs.get(name), of = (image) => Number(image.closest("figure").dataset.step);
      const best = every.reduce((a, b) => (Math.abs(of(b) - step) < Math.abs(of(a) - step) ? b : a));
      return made("figure", {}, made("img", { src: best.src, alt: best.alt }),
        made("figcaption", { textContent: `${name}, step ${of(best)}` }));
    }));
  }

  for (const [name, every] of runs) {
    const newest = every[every.length - 1], box = made("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(name);
      else chosen.delete(name);
      lay();
    });
    const picture = made("img", { src: newest.src, alt: newest.alt, loading: "lazy" });
    grid.append(made("label", {}, picture, made("span", {}, box, ` ${name}`)));
  }
  slider.addEventListener("input", lay);
  place.append(made("h2", { textContent: "Gallery" }),
    made("p", { textContent: "The newest samples of each run. Choose runs to see them side by side." }), grid, compare);
}
