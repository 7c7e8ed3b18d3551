// Adds the next page of a list when its end comes into view. Without it, the link leads there.

/** @param {ParentNode} part */
function next(part) {
  const link = part.querySelector("nav.pages a[rel=next]");
  return link instanceof HTMLAnchorElement ? link : null;
}

const list = document.querySelector("[data-more]");
const status = document.createElement("p");
status.className = "hidden";
status.setAttribute("role", "status");

/** @param {HTMLAnchorElement} link */
async function add(link) {
  if (!list) return;
  const answer = await fetch(link.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const more = page.querySelector("[data-more]");
  const items = more ? [...more.children] : [];
  const known = new Set([...list.children].map((item) => item.id).filter((id) => id !== ""));
  const fresh = items.filter((item) => !known.has(item.id));
  list.append(...fresh);
  for (const item of fresh) item.dispatchEvent(new CustomEvent("forum:added", { bubbles: true }));
  const after = next(page);
  if (after) {
    link.href = after.href;
    watch(link);
  } else {
    for (const nav of document.querySelectorAll("nav.pages a[rel=next], nav.pages a[rel=last]")) nav.remove();
  }
  status.textContent = `${fresh.length} more shown`;
}

/** @param {HTMLAnchorElement} link */
function watch(link) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    void add(link);
  }, { rootMargin: "300px" });
  observer.observe(link);
}

const first = next(document);
if (list && first) {
  list.after(status);
  watch(first);
}
