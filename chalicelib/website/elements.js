/** Find and create elements of the page. Text is inserted as text, never as markup. */

/**
 * Return the element with this identifier.
 * @param {string} id
 * @returns {any}
 */
export const find = (id) => document.getElementById(id);

/**
 * Create an element. A function among the attributes becomes a listener.
 * @param {string} name
 * @param {Record<string, string | number | boolean | EventListener | null>} [attributes]
 * @param {...(Node | string | null)} children null is skipped
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
 * Create an animal's names: the vernacular name, marked with its language, and the scientific one.
 * @param {any} taxon
 */
export function names({ vernacularName, language, scientificName }) {
  return make("span", { class: "names" },
    make("b", { lang: language, dir: "auto" }, capital(vernacularName)), " ", make("i", { lang: "la" }, scientificName));
}

/** Return the text with a capital first letter. @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
