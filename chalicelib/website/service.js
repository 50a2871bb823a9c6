/** Requests to the service. Every address is relative, because the page may be under a stage's prefix. */

import { languageOfNames } from "./language.js";

/**
 * Problem details (RFC 9457) of a request that failed. `status` is 0 if there was no response.
 * `members` has all members of the problem, also those beyond the standard, such as `limit`.
 */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} members
   */
  constructor(status, members) {
    super(members.title ?? String(status));
    this.status = status;
    this.members = members;
  }

  /** Name of the problem: the end of its `type`. */
  get name() {
    return String(this.members.type ?? "").split("/").at(-1) ?? "";
  }
}

/**
 * @typedef {object} Question
 * @property {Blob} photo
 * @property {import("./place.js").Place | null} place the visitor's place, if there is one
 * @property {boolean} captive whether to ignore the place
 */

/**
 * @typedef {object} Course progress and cancellation of a request
 * @property {(share: number) => void} progress called with the sent share of the photo, 0 to 1
 * @property {AbortSignal} signal cancels the request
 */

/** Largest photo that may be posted, in bytes. The server writes it into the page. */
export const maximumPhotoBytes = Number(document.documentElement.dataset.maximumPhotoBytes);

/**
 * Ask which animals the photo may show. A photo that is too large goes through the uploads' bucket.
 * @param {Question} question
 * @param {Course} course
 * @returns {Promise<any>} the answer of `POST /v1/predictions`
 */
export async function identify(question, course) {
  const fields = {
    ...(question.place && placeFields(question.place)),
    ...(question.captive && { geo: "off" }),
    lang: languageOfNames,
  };
  if (question.photo.size <= maximumPhotoBytes) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("photo", question.photo);
    try {
      return await post("v1/predictions", form, course);
    } catch (problem) {
      // The service's 413 has `uploads` if the bucket exists and takes the photo. API Gateway's own 413
      // has neither `uploads` nor `unit`, so try the bucket.
      if (!(problem instanceof Problem) || problem.status !== 413) throw problem;
      if (problem.members.unit && !problem.members.uploads) throw problem;
    }
  }
  return askAboutUpload(question.photo, fields, course);
}

/** @type {WeakMap<Blob, string>} keys of photos that are still in the bucket */
const waiting = new WeakMap();

/**
 * Ask about a photo in the bucket. If an earlier request failed, the photo is still there;
 * otherwise send it. After an answer the service deletes it.
 * @param {Blob} photo
 * @param {Record<string, string>} fields
 * @param {Course} course
 */
async function askAboutUpload(photo, fields, course) {
  const upload = waiting.get(photo) ?? (await uploaded(photo, course));
  waiting.delete(photo);
  try {
    return await post("v1/predictions", JSON.stringify({ upload, ...fields }), course);
  } catch (problem) {
    const faults = problem instanceof Problem ? (problem.members.errors ?? []) : [];
    const isGone = faults.some((/** @type {any} */ fault) => fault.field === "upload");
    if (!isGone) waiting.set(photo, upload);
    throw problem;
  }
}

/**
 * Upload the photo to the bucket.
 * @param {Blob} photo
 * @param {Course} course
 * @returns {Promise<string>} the key of the upload
 */
async function uploaded(photo, course) {
  const declared = JSON.stringify(photo.type ? { contentType: photo.type } : {});
  const ticket = await post("v1/uploads", declared, course);
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, String(value));
  form.append("file", photo); // must be last: S3 ignores the fields after it
  await post(ticket.url, form, course);
  return ticket.key;
}

/**
 * Fetch the animals of a place.
 * @param {import("./place.js").Place} place
 * @param {number | null} month 1 to 12
 */
export const species = (place, month) =>
  get("v1/species", { ...placeFields(place), ...(month && { month }), lang: languageOfNames });

/**
 * Fetch the range of an animal, as GeoJSON cells.
 * @param {string} taxonID
 * @param {number | null} month 1 to 12
 */
export const range = (taxonID, month) => get(`v1/species/${taxonID}/range`, month ? { month } : {});

/** Fetch the outline of an H3 cell, as GeoJSON. @param {string} cell */
export const outline = (cell) => get(`v1/cells/${cell}`);

/** Fetch the service's advice about a problem. @param {string} name */
export const help = async (name) => (await get(`v1/problems/${name}`)).help;

/**
 * Return a place as Darwin Core fields.
 * @param {import("./place.js").Place} place
 * @returns {Record<string, string>}
 */
function placeFields(place) {
  return {
    decimalLatitude: String(place.latitude),
    decimalLongitude: String(place.longitude),
    ...(place.uncertainty && { coordinateUncertaintyInMeters: String(place.uncertainty) }),
  };
}

/**
 * Send a GET request.
 * @param {string} path
 * @param {Record<string, string | number>} [fields]
 */
async function get(path, fields = {}) {
  const query = new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, String(value)]));
  const response = await fetch(`${path}${query.size ? "?" : ""}${query}`).catch(() => {
    throw new Problem(0, {});
  });
  return read(response.status, await response.text());
}

/**
 * Send a POST request. It uses XMLHttpRequest, because fetch does not report the progress.
 * @param {string} url
 * @param {FormData | string} body a string must be JSON
 * @param {Course} course
 * @returns {Promise<any>}
 */
function post(url, body, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    if (typeof body === "string") request.setRequestHeader("Content-Type", "application/json");
    else request.upload.onprogress = (sent) => progress(sent.loaded / sent.total);
    request.onload = () => {
      try {
        resolve(read(request.status, request.responseText));
      } catch (problem) {
        reject(problem);
      }
    };
    request.onerror = () => reject(new Problem(0, {}));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    signal.throwIfAborted();
    request.send(body);
  });
}

/**
 * Parse a response. Throws `Problem` for a status of 400 or more.
 * @param {number} status
 * @param {string} text
 */
function read(status, text) {
  const isRefused = status >= 400;
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    // S3 answers errors in XML, and a success with an empty body.
  }
  if (isRefused) throw new Problem(status, content ?? {});
  return content;
}
