// Shows while somebody writes what it will look like. The server makes the HTML, as it does for the page.

const PAUSE = 400;

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} area
 */
function follow(form, area) {
  const shown = area.querySelector(".text");
  const token = form.querySelector("input[name=token]");
  if (!shown || !(token instanceof HTMLInputElement)) return;
  let timer = 0;
  let last = 0;
  const show = async () => {
    const text = [...form.querySelectorAll("textarea")].map((field) => field.value).join("");
    const turn = ++last;
    if (text.trim() === "") {
      area.hidden = true;
      return;
    }
    const body = new URLSearchParams({ token: token.value, text });
    const answer = await fetch("/preview", { method: "POST", body }).catch(() => null);
    if (!answer?.ok || turn !== last) return;
    const html = await answer.text();
    if (turn !== last) return;
    shown.innerHTML = html;
    area.hidden = false;
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(show, PAUSE);
  });
  if ([...form.querySelectorAll("textarea")].some((field) => field.value.trim() !== "")) void show();
  // What the button would do is done already.
  for (const button of form.querySelectorAll("button[value=preview]")) button.setAttribute("hidden", "");
}

for (const area of document.querySelectorAll("[data-preview]")) {
  const form = area.closest("form");
  if (form && area instanceof HTMLElement) follow(form, area);
}
