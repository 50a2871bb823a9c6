/** What was asked in this visit: kept by the browser, for this tab, and sent nowhere. */

const KEY = "rangefinder";
const MOST = 12;

/**
 * @typedef {object} Visit
 * @property {string} thumbnail a data URL, or ""
 * @property {any} answer of the service
 */

/** The visits, newest first. @returns {Visit[]} */
export function visits() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** Remember one more; where there is no room, fewer of the old. @param {Visit} visit */
export function remember(visit) {
  for (let kept = [visit, ...visits()].slice(0, MOST); kept.length > 0; kept = kept.slice(0, -1)) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
      return;
    } catch {
      // the quota is used up, or the browser keeps nothing at all
    }
  }
}

/** Forget them all. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // there is nothing
  }
}

/** A picture that was kept. The page's policy allows blobs, not data URLs. @param {string} dataUrl */
export function picture(dataUrl) {
  const bytes = Uint8Array.from(atob(dataUrl.split(",")[1]), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}
