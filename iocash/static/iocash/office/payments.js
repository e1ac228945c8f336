"use strict";
// The queue of payments out: ticks all rows, and adds up what is ticked. It works without this, too.

const ticks = [...document.querySelectorAll("input[name=item]")];
const all = document.getElementById("tick-all");
const scopes = Object.fromEntries([...document.querySelectorAll("input[name=scope]")].map((each) => [each.value, each]));
const output = document.getElementById("ticked");
let last = null;

function money(minor, currency) {
  const format = new Intl.NumberFormat(document.documentElement.lang || "en", { style: "currency", currency, currencyDisplay: "code" });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function addUp() {
  const ticked = ticks.filter((each) => each.checked);
  const sums = new Map();
  for (const each of ticked) {
    const { currency, minor } = each.dataset;
    sums.set(currency, (sums.get(currency) || 0) + Number(minor));
  }
  const parts = [...sums].map(([currency, minor]) => money(minor, currency));
  output.textContent = ticked.length ? `${ticked.length}: ${parts.join(", ")}` : "";
  all.checked = ticked.length === ticks.length;
  all.indeterminate = ticked.length > 0 && !all.checked;
}

function tick(some, isTicked) {
  for (const each of some) each.checked = isTicked;
  scopes.ticked.checked = true;
  addUp();
}

if (all && output) {
  all.hidden = false;
  all.addEventListener("change", () => tick(ticks, all.checked));
  for (const each of ticks) {
    each.addEventListener("click", (event) => {
      const [from, to] = [ticks.indexOf(last), ticks.indexOf(each)].sort((one, other) => one - other);
      tick(event.shiftKey && from >= 0 ? ticks.slice(from, to + 1) : [each], each.checked);
      last = each;
    });
  }
  addUp(); // the browser may have kept ticks
}
