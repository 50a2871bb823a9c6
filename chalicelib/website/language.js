/** The language of the page, and its texts and numbers in that language. */

import { STRINGS } from "./strings.js";

/** The visitor's languages (BCP 47), best first: that of the address, then those of the browser. */
const preferred = [new URLSearchParams(location.search).get("lang"), ...navigator.languages].filter(
  (tag) => tag !== null && /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i.test(tag),
);

/** The language of the page's texts. */
const spoken = preferred.map((tag) => tag?.toLowerCase().split("-")[0] ?? "").find((tag) => tag in STRINGS) ?? "en";

/** The language of the animals' names. The service has more languages than the page. */
export const languageOfNames = preferred[0] ?? "en";

/**
 * Return the text of a key. `{name}` in it becomes the value of that name.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  const text = STRINGS[spoken][key] ?? STRINGS.en[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * Format a number in the language of the page.
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
const format = (value, options) => new Intl.NumberFormat(spoken, options).format(value);

/**
 * Return the parts of a list of alternatives: `element` for a name, `literal` for what joins them.
 * @param {string[]} names
 */
export const either = (names) => new Intl.ListFormat(spoken, { type: "disjunction" }).formatToParts(names);

/** Smallest share that `percent` shows as a number. */
export const LEAST_SHARE = 0.001;

/**
 * Format a share of 1 as a percentage, with a decimal near 0 and 1. No model is 100 % sure.
 * @param {number} share @returns {string}
 */
export function percent(share) {
  if (share > 0 && share < LEAST_SHARE) return `< ${percent(LEAST_SHARE)}`;
  if (share > 1 - LEAST_SHARE) return `> ${percent(1 - LEAST_SHARE)}`;
  return format(share, { style: "percent", maximumFractionDigits: share < 0.1 || share > 0.99 ? 1 : 0 });
}

/** Format a number. @param {number} value @param {number} [digits] most digits after the point */
export const number = (value, digits = 0) => format(value, { maximumFractionDigits: digits });

/**
 * Format a position, such as 17.364° S, 56.777° W.
 * @param {number} latitude
 * @param {number} longitude
 */
export function position(latitude, longitude) {
  const digits = { minimumFractionDigits: 3, maximumFractionDigits: 3 };
  const north = say(latitude < 0 ? "south" : "north", { degrees: format(Math.abs(latitude), digits) });
  const east = say(longitude < 0 ? "west" : "east", { degrees: format(Math.abs(longitude), digits) });
  return `${north}, ${east}`;
}

/** Translate the page's own texts, and offer the other languages. @param {HTMLSelectElement} choice */
export function translate(choice) {
  document.documentElement.lang = spoken;
  document.title = `Rangefinder: ${say("title")}`;
  for (const one of document.querySelectorAll("[data-text]")) {
    one.textContent = say(/** @type {HTMLElement} */ (one).dataset.text ?? "");
  }
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", say(/** @type {HTMLElement} */ (one).dataset.label ?? ""));
  }
  for (const [tag, strings] of Object.entries(STRINGS)) {
    const option = new Option(strings.languageName, tag, false, tag === spoken);
    option.lang = tag;
    choice.add(option);
  }
  choice.addEventListener("change", () => {
    location.search = `?${new URLSearchParams({ lang: choice.value })}`;
  });
}
