// Shows times in the reader's zone and language. The page has them in UTC.

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const units = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/**
 * @param {Date} time
 * @returns {string}
 */
function readable(time) {
  const seconds = Math.round((time.getTime() - Date.now()) / 1000);
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return Math.abs(seconds) < 7 * 86_400 ? relative.format(Math.trunc(seconds / length), unit) : day.format(time);
}

/** @param {ParentNode} part */
function localize(part) {
  for (const element of part.querySelectorAll("time")) {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) continue;
    element.textContent = readable(time);
    element.title = day.format(time);
  }
}

localize(document);
// What another script has added.
document.addEventListener("forum:added", (event) => {
  if (event.target instanceof Element) localize(event.target);
});
