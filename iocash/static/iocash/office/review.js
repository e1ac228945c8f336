"use strict";
// The review page: one file at a time, its size and rotation, and keys. Without it, the page shows
// all files one after another.

const sheets = document.querySelector(".sheets");
const files = [...document.querySelectorAll(".sheets .file")];
const ticks = [...document.querySelectorAll(".facts-beside input[name=documents]")];
const MOST_ZOOM = 4;

function current() {
  return files.find((file) => file.classList.contains("current"));
}

function show(file) {
  if (!file) return;
  for (const each of files) each.classList.toggle("current", each === file);
  for (const link of document.querySelectorAll(".viewer .files a")) {
    if (link.hash === `#${file.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  sheets.scrollTo(0, 0);
}

function step(by) {
  show(files[files.indexOf(current()) + by]);
}

function zoom(by) {
  const file = current();
  const level = Number(file.dataset.zoom || 0) + by;
  file.dataset.zoom = Math.max(0, Math.min(MOST_ZOOM, level));
}

function whole() {
  current().dataset.zoom = 0;
  current().dataset.turn = 0;
}

function rotate() {
  current().dataset.turn = (Number(current().dataset.turn || 0) + 1) % 4;
}

const tools = { smaller: () => zoom(-1), larger: () => zoom(1), whole, rotate };
const keys = {
  "+": () => zoom(1), "-": () => zoom(-1), 0: whole, r: rotate, j: () => step(1), k: () => step(-1),
};
const places = { a: ".decision button.default", x: "#id_reason" };

if (files.length) {
  sheets.classList.add("single");
  document.querySelector(".viewer .tools").hidden = false;
  show(files.find((file) => `#${file.id}` === location.hash) || files[0]);
  document.querySelector(".viewer .tools").addEventListener("click", (event) => {
    tools[event.target.dataset.do]?.();
  });
  document.querySelector(".review").addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#file-"]');
    if (!link) return;
    event.preventDefault();
    show(files.find((file) => `#${file.id}` === link.hash));
  });
}

document.querySelector("#id_reason")?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault(); // the first button of the form approves
  document.querySelector(".decision button.deny").click();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const tick = /^[1-9]$/.test(event.key) && ticks[Number(event.key) - 1];
  const place = places[event.key] && document.querySelector(places[event.key]);
  if (tick) tick.click();
  else if (place) place.focus();
  else if (files.length && keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});
