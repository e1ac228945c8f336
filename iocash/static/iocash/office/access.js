"use strict";
// The page of new recovery codes. It works without this: people write them down.

for (const button of document.querySelectorAll("button.print")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
