"use strict";
// Behaviour of all pages of the back office. Everything works without it.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await copy(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
});

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // without HTTPS there is no clipboard
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("keydown", (event) => {
  const search = document.getElementById("office-search");
  if (event.key !== "/" || !search || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  search.focus();
  search.select();
});

for (const button of document.querySelectorAll("button.copy")) button.hidden = false;

const themes = document.querySelector(".themes"); // its radio buttons set what Django's script reads
if (themes) {
  themes.hidden = false;
  const chosen = localStorage.getItem("theme") || "auto";
  themes.querySelector(`[value="${chosen}"]`).checked = true;
  themes.addEventListener("change", (event) => {
    localStorage.setItem("theme", event.target.value);
    document.documentElement.dataset.theme = event.target.value;
  });
}

for (const box of document.querySelectorAll(".results, .scrolls")) {
  const observer = new ResizeObserver(() => {
    const isCut = box.scrollWidth > box.clientWidth + 1; // say so, because scroll bars may be hidden
    box.classList.toggle("overflows", isCut);
    if (isCut) box.tabIndex = 0; // arrow keys scroll it
    else box.removeAttribute("tabindex");
    const hint = box.nextElementSibling;
    if (hint?.classList.contains("more-columns")) hint.hidden = !isCut;
  });
  for (const each of [box, ...box.children]) observer.observe(each);
}
