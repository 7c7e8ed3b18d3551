// Keeps what somebody writes until it has been sent, so that it survives a reload, a closed window and an ended log-in.
// It is kept in the browser alone.

const DAYS = 30;

/** @typedef {{ fields: Record<string, string>, key: string, at: number }} Draft */

/**
 * @param {string} name
 * @returns {Draft | null}
 */
function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {HTMLFormElement} form */
function fields(form) {
  return [...form.querySelectorAll("input[type=text], textarea")].filter(
    (field) => field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement,
  );
}

/**
 * The key under which the form makes one item.
 * @param {HTMLFormElement} form
 * @returns {HTMLInputElement | null}
 */
function key(form) {
  return form.querySelector("input[name=key]");
}

// The page after the one that was sent says which form it was.
const here = new URL(location.href);
const sent = here.searchParams.get("sent");
const names = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "");
for (const name of names.filter((name) => name.startsWith("draft:"))) {
  const draft = read(name);
  if (!draft || draft.key === sent || Date.now() - draft.at > DAYS * 86_400_000) localStorage.removeItem(name);
}
if (sent !== null) {
  here.searchParams.delete("sent");
  history.replaceState(history.state, "", here);
}

for (const form of document.querySelectorAll("form[data-draft]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  const name = `draft:${form.dataset.draft}`;
  const draft = read(name);
  const idempotency = key(form);
  if (draft && fields(form).every((field) => field.value === "")) {
    for (const field of fields(form)) field.value = draft.fields[field.name] ?? "";
    // What was sent already, without a word of whether it arrived, is the same item when it is sent again.
    if (idempotency) idempotency.value = draft.key;
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const keep = () => {
    const values = Object.fromEntries(fields(form).map((field) => [field.name, field.value]));
    try {
      if (Object.values(values).every((value) => value.trim() === "")) localStorage.removeItem(name);
      else localStorage.setItem(name, JSON.stringify({ fields: values, key: idempotency?.value ?? "", at: Date.now() }));
    } catch {
      // There is no room, or it is forbidden: there is no draft then.
    }
  };
  form.addEventListener("input", keep);
  form.addEventListener("submit", keep);
}
