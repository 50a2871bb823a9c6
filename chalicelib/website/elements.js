/** Elements of the page: found by their identifier, or made. Text goes in as text, never as markup. */

/**
 * The element of that identifier.
 * @param {string} id
 * @returns {any}
 */
export const find = (id) => document.getElementById(id);

/**
 * A new element. `class`, `data-…` and the like are attributes; a function is a listener.
 * @param {string} name
 * @param {Record<string, string | number | boolean | EventListener | null>} [attributes]
 * @param {...(Node | string | null)} children what is null is left out
 * @returns {HTMLElement}
 */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * An animal's names: the common one, marked with its language, and the scientific one.
 * @param {any} taxon
 */
export function names({ vernacularName, language, scientificName }) {
  return make("span", { class: "names" },
    make("b", { lang: language, dir: "auto" }, capital(vernacularName)), " ", make("i", { lang: "la" }, scientificName));
}

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
