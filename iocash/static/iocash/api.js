// The forms of the browsable API send JSON. The page of the answer takes the place of the old one.

const HTML = "text/html";

function headersOf(form, method) {
  const headers = { Accept: `${HTML}, */*; q=0.5`, "X-CSRFToken": document.body.dataset.csrf };
  if (form.elements._content) headers["Content-Type"] = form.elements._content_type.value;
  if (method === "POST" && form.dataset.key) headers["Idempotency-Key"] = form.dataset.key;
  return headers;
}

async function answerTo(form, method) {
  const body = form.elements._content?.value;
  const answer = await fetch(form.action, { method, headers: headersOf(form, method), body });
  const text = await answer.text();
  return { status: answer.status, text, isPage: answer.headers.get("Content-Type")?.startsWith(HTML) };
}

// A refusal changes nothing, so its form may have a new key. What has failed may have been done: it
// keeps its key.
function keepWhatWasSent(form, status) {
  const next = document.querySelector(`form[data-method="${form.dataset.method}"]`);
  if (status < 400 || !next?.elements._content) return;
  next.elements._content.value = form.elements._content.value;
  if (status < 500 || !form.dataset.key) return;
  next.dataset.key = form.dataset.key;
  next.querySelector(".key").textContent = form.dataset.key;
}

function show(form, { status, text }) {
  const page = new DOMParser().parseFromString(text, HTML);
  document.title = page.title;
  document.body.replaceWith(page.body);
  history.replaceState({}, "", form.action);
  keepWhatWasSent(form, status);
  window.prettyPrint();
  scrollTo(0, 0);
  document.querySelector(".response-info")?.focus({ preventScroll: true });
}

function warn(form, words) {
  const warning = form.querySelector(".no-answer");
  warning.hidden = false;
  if (words) warning.textContent = words;
}

async function send(form, method) {
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  try {
    const answer = await answerTo(form, method);
    if (answer.isPage) show(form, answer);
    else warn(form, `HTTP ${answer.status} ${answer.text}`);
  } catch {
    warn(form);
  } finally {
    delete form.dataset.sending;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const method = event.submitter?.dataset.method ?? form.dataset.method;
  if (method) {
    event.preventDefault();
    send(form, method);
    return;
  }
  // What is left blank is not asked for: a blank parameter would be refused.
  for (const field of form.elements) field.disabled = field.name && !field.value;
});

window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.filters [name]")) field.disabled = false;
});

window.prettyPrint();
