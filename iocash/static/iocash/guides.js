// The documentation with JavaScript: tabs, copy buttons and search. Without it, all examples show.
const root = document.documentElement;

const made = (tag, attributes = {}, text = "") => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

// --- Tabs: one choice for all examples, remembered over pages ---

const LANGUAGES = { sh: "curl", python: "Python", typescript: "TypeScript" };
const STORED = "iocash-language";

const stored = () => {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage is not allowed; the choice lasts for this page
  }
};

const panelsOf = (group, kind) => [...group.querySelectorAll(`:scope > pre.${kind}`)];
const languagesOf = (group) => Object.keys(LANGUAGES).filter((kind) => panelsOf(group, kind).length);

// The chosen language; if an example does not have it, the first that it has.
const shownIn = (group) => {
  const languages = languagesOf(group);
  return languages.includes(root.dataset.language) ? root.dataset.language : languages[0];
};

const choose = (language) => {
  root.dataset.language = language;
  for (const group of document.querySelectorAll(".tabs")) {
    const shown = shownIn(group);
    for (const tab of group.querySelectorAll("[role=tab]")) {
      const selected = tab.dataset.language === shown;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
    }
  }
};

const chosen = (tab) => {
  const before = tab.getBoundingClientRect().top;
  choose(tab.dataset.language);
  scrollBy(0, tab.getBoundingClientRect().top - before);
  tab.focus({ preventScroll: true });
  try {
    localStorage.setItem(STORED, tab.dataset.language);
  } catch {
    // see stored()
  }
};

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

const moved = (event) => {
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")];
  const at = tabs.indexOf(document.activeElement);
  const to = { Home: 0, End: tabs.length - 1 }[event.key]
    ?? (event.key in STEPS ? (at + STEPS[event.key] + tabs.length) % tabs.length : null);
  if (to === null) return;
  event.preventDefault();
  chosen(tabs[to]);
};

const tabList = (group, number) => {
  const list = made("div", { role: "tablist", "aria-label": "Language of the example" });
  for (const kind of languagesOf(group)) {
    const panels = panelsOf(group, kind);
    const id = `tab-${number}-${kind}`;
    panels.forEach((panel, at) => {
      panel.id = `${id}-panel-${at}`;
      panel.setAttribute("role", "tabpanel");
    });
    const controls = panels.map((panel) => panel.id).join(" ");
    const about = { type: "button", role: "tab", id, "aria-controls": controls };
    const tab = made("button", { ...about, "data-language": kind }, LANGUAGES[kind]);
    tab.addEventListener("click", () => chosen(tab));
    list.append(tab);
  }
  list.addEventListener("keydown", moved);
  return list;
};

// --- Copy buttons ---

const copyButton = (text) => {
  const button = made("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      said = "Not allowed";
    }
    button.textContent = said;
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  });
  return button;
};

const bar = (first, shown) => {
  const element = made("div", { class: "bar" });
  element.append(first);
  const text = () => shown().map((pre) => pre.textContent).join("\n");
  if (navigator.clipboard) element.append(copyButton(text));
  return element;
};

const frame = (pre) => {
  const frame = made("div", { class: "code" });
  pre.before(frame);
  frame.append(bar(made("span", {}, pre.getAttribute("aria-label")), () => [pre]), pre);
};

document.querySelectorAll(".tabs").forEach((group, number) => {
  const visible = () => panelsOf(group, shownIn(group));
  group.prepend(bar(tabList(group, number), visible));
});
document.querySelectorAll(".guide pre:not(.tabs > pre, .answer)").forEach(frame);
choose(stored() in LANGUAGES ? stored() : "sh");
root.classList.add("scripted");
const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (target?.tagName === "DETAILS") target.open = true;
if (target) target.scrollIntoView(); // the page is shorter now

// --- Search: the index is a file that is generated with the documents ---

const MOST = 12;
const WHOLE = 1.2; // how much more a whole word counts than its beginning
const PAGE = 4; // how much more a page counts than a section
const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

// The index is one line per section: address, page, heading, first words, other words.
const entry = ([address, page, heading, beginning, others]) => ({
  address, page, heading, beginning,
  fields: [[words(`${heading} ${address}`), 8], [words(page), 4], [words(`${beginning} ${others}`), 1]],
});

const score = (entry, asked) => {
  let sum = entry.address.includes("#") ? 0 : PAGE;
  for (const word of asked) {
    let best = 0;
    for (const [known, weight] of entry.fields) {
      if (known.includes(word)) best = Math.max(best, weight * WHOLE);
      else if (known.some((each) => each.startsWith(word))) best = Math.max(best, weight);
    }
    if (!best) return 0;
    sum += best;
  }
  return sum;
};

const found = (entries, text) => {
  const asked = words(text);
  if (!asked.length) return [];
  return entries
    .map((each) => [score(each, asked), each])
    .filter(([points]) => points)
    .sort(([one], [other]) => other - one)
    .slice(0, MOST)
    .map(([, each]) => each);
};

const item = ({ address, page, heading, beginning }) => {
  const link = made("a", { href: address });
  link.append(made("strong", {}, heading), made("span", {}, page), made("small", {}, beginning));
  const line = made("li");
  line.append(link);
  return line;
};

const counted = (number) => {
  if (!number) return "No results";
  return number === 1 ? "1 result" : `${number} results`;
};

const searchable = (search) => {
  const [field, box] = [search.querySelector("input"), search.querySelector(".found")];
  const [said, list] = [box.querySelector("p"), box.querySelector("ul")];
  let index = null;
  const load = () => {
    index ??= fetch(search.dataset.index)
      .then((response) => response.json())
      .then((lines) => lines.map(entry));
    return index;
  };
  const close = () => {
    box.hidden = true;
  };
  const show = async () => {
    const text = field.value;
    const entries = await load();
    if (text !== field.value) return; // more was typed meanwhile
    const results = found(entries, text);
    list.replaceChildren(...results.map(item));
    said.textContent = counted(results.length);
    box.hidden = !words(text).length;
  };
  const move = (event) => {
    if (event.key === "Escape") {
      close();
      field.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || box.hidden) return;
    const stops = [field, ...list.querySelectorAll("a")];
    const to = stops.indexOf(document.activeElement) + step;
    event.preventDefault();
    stops[Math.min(Math.max(to, 0), stops.length - 1)].focus();
  };
  field.addEventListener("focus", load, { once: true });
  field.addEventListener("input", show);
  search.addEventListener("keydown", move);
  search.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  search.addEventListener("focusout", (event) => {
    if (!search.contains(event.relatedTarget)) close();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
  search.hidden = false;
};

document.querySelectorAll(".docs-search").forEach(searchable);
