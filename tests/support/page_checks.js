// What is wrong with a page for people who see badly, or use a keyboard or a screen reader.
() => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const parsed = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].map((value, index) => (index === 3 ? value / 255 : value));
  };
  const over = (top, below) => [0, 1, 2].map((index) => top[index] * top[3] + below[index] * (1 - top[3]));
  const luminance = (color) => {
    const linear = color.slice(0, 3).map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ancestors = (element) => (element ? [...ancestors(element.parentElement), element] : []);
  const isSeen = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box.width > 2 && box.height > 2 && getComputedStyle(element).clipPath === "none";
  };
  const wrong = [];
  for (const animation of document.getAnimations()) animation.finish();
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!hasText || !isSeen(element) || element.matches(":disabled, .visually-hidden, .visually-hidden *")) continue;
    const style = getComputedStyle(element);
    const scrolls = ancestors(element).some((each) => /auto|scroll/.test(getComputedStyle(each).overflowX) && each !== document.documentElement);
    const box = element.getBoundingClientRect();
    if (!scrolls && (box.right > innerWidth + 1 || box.left < -1)) wrong.push(`beyond the screen: <${element.tagName.toLowerCase()} ${element.className}> ${element.textContent.trim().slice(0, 40)}`);
    if (/hidden|clip/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1) wrong.push(`cut off: ${element.textContent.trim().slice(0, 40)}`);
    const paper = ancestors(element).reduce((below, each) => over(parsed(getComputedStyle(each).backgroundColor), below), [255, 255, 255]);
    const found = ratio(over(parsed(style.color), paper), paper);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (found < (isLarge ? 3 : 4.5)) wrong.push(`contrast ${found.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden], [type=submit]), select, textarea")) {
    const isNamed = field.labels?.length || field.ariaLabel || field.getAttribute("aria-labelledby");
    if (isSeen(field) && !isNamed) wrong.push(`no label: ${field.name}`);
  }
  const isReached = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  for (const control of document.querySelectorAll("a[href], button, summary, [role=button], [role=tab]")) {
    const name = control.ariaLabel || control.textContent.trim() || control.title || control.querySelector("img[alt]")?.alt;
    if (isSeen(control) && !name) wrong.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  }
  for (const control of document.querySelectorAll("[role=button], [role=tab], [onclick], [popovertarget]")) {
    if (isSeen(control) && !control.matches(isReached)) wrong.push(`not reached by keyboard: ${control.outerHTML.slice(0, 80)}`);
  }
  if (document.querySelector("[tabindex]:not([tabindex='0'], [tabindex='-1'])")) wrong.push("an order of its own for Tab");
  for (const table of document.querySelectorAll("table")) {
    const [head, body] = [table.tHead?.rows[0]?.cells ?? [], table.tBodies[0]?.rows[0]?.cells ?? []];
    const isAside = table.tHead && getComputedStyle(table.tHead).clipPath === "none" && [...head].some((cell, index) => isSeen(cell) && body.length === head.length && Math.abs(cell.getBoundingClientRect().left - body[index].getBoundingClientRect().left) > 2);
    if (isAside) wrong.push(`headers beside their columns: ${table.tHead.textContent.trim().slice(0, 40)}`);
    const frame = table.closest(".scrolls");
    if (innerWidth >= 1280 && frame && frame.scrollWidth > frame.clientWidth + 1) wrong.push(`columns out of sight: ${table.tHead?.textContent.trim().slice(0, 40)}`);
  }
  let above = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const level = Number(heading.tagName[1]);
    if (level > above + 1) wrong.push(`heading ${level} below ${above}: ${heading.textContent.trim()}`);
    above = level;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push("wider than the screen");
  return wrong;
}
