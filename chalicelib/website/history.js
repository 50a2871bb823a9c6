/** The photos and answers of this visit. The browser keeps them for this tab and sends them nowhere. */

const KEY = "rangefinder";
const MOST = 12;

/**
 * @typedef {object} Visit
 * @property {string} thumbnail a data URL, or ""
 * @property {any} answer the service's answer
 */

/** Return the visits, newest first. @returns {Visit[]} */
export function visits() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** Remember a visit. If the storage is full, forget the oldest. @param {Visit} visit */
export function remember(visit) {
  for (let kept = [visit, ...visits()].slice(0, MOST); kept.length > 0; kept = kept.slice(0, -1)) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
      return;
    } catch {
      // The quota is used up, or the browser has no storage: try with fewer.
    }
  }
}

/** Forget all visits. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // The browser has no storage.
  }
}

/** Return a URL of a thumbnail. The page's policy allows blobs, not data URLs. @param {string} dataUrl */
export function picture(dataUrl) {
  const bytes = Uint8Array.from(atob(dataUrl.split(",")[1]), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}
