/** The service's resources. Every address is relative: the page may stand under a stage's prefix. */

import { languageOfNames } from "./language.js";

/**
 * Why there is no answer: problem details (RFC 9457), or `status` 0 where nothing came back.
 * Members beyond the standard's, as `limit`, are under `members`.
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

  /** The problem's name: the end of its `type`. */
  get name() {
    return String(this.members.type ?? "").split("/").at(-1) ?? "";
  }
}

/**
 * @typedef {object} Question
 * @property {Blob} photo
 * @property {import("./place.js").Place | null} place what the visitor has set, if anything
 * @property {boolean} captive whether the place is not to be used
 */

/**
 * @typedef {object} Course how a request goes on
 * @property {(share: number) => void} progress told how much of the photo is sent, 0 to 1
 * @property {AbortSignal} signal ends it
 */

/** Largest photo that may be posted, in bytes: the server has written it into the page. */
export const maximumPhotoBytes = Number(document.documentElement.dataset.maximumPhotoBytes);

/**
 * Which animals the photo may show. One that is too large goes by way of the uploads' bucket.
 * @param {Question} question
 * @param {Course} course
 * @returns {Promise<any>} as `POST /v1/predictions` answers
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
      // The service names the way by the bucket if there is one and it would help. API Gateway's own
      // 413 knows neither limit nor way.
      if (!(problem instanceof Problem) || problem.status !== 413) throw problem;
      if (problem.members.unit && !problem.members.uploads) throw problem;
    }
  }
  return askAboutUpload(question.photo, fields, course);
}

/** @type {WeakMap<Blob, string>} keys of photos that wait in the bucket for another question */
const waiting = new WeakMap();

/**
 * Ask about the photo in the bucket. It is sent there unless it waits there already, as after a
 * question that lacked something; once it is answered the bucket has it no more.
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
 * Send the photo to the uploads' bucket.
 * @param {Blob} photo
 * @param {Course} course
 * @returns {Promise<string>} its key
 */
async function uploaded(photo, course) {
  const declared = JSON.stringify(photo.type ? { contentType: photo.type } : {});
  const ticket = await post("v1/uploads", declared, course);
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, String(value));
  form.append("file", photo); // S3 reads no field that comes after it
  await post(ticket.url, form, course);
  return ticket.key;
}

/**
 * The animals of a place.
 * @param {import("./place.js").Place} place
 * @param {number | null} month 1 to 12
 */
export const species = (place, month) =>
  get("v1/species", { ...placeFields(place), ...(month && { month }), lang: languageOfNames });

/**
 * The cells where an animal occurs, as GeoJSON.
 * @param {string} taxonID
 * @param {number | null} month 1 to 12
 */
export const range = (taxonID, month) => get(`v1/species/${taxonID}/range`, month ? { month } : {});

/** The outline of an H3 cell, as GeoJSON. @param {string} cell */
export const outline = (cell) => get(`v1/cells/${cell}`);

/** What can be done about a problem, in the service's words. @param {string} name */
export const help = async (name) => (await get(`v1/problems/${name}`)).help;

/**
 * A place in Darwin Core's terms.
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
 * A POST that tells how far it is: fetch cannot, XMLHttpRequest can.
 * @param {string} url
 * @param {FormData | string} body a string is JSON
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
 * @param {number} status
 * @param {string} text
 */
function read(status, text) {
  const isRefused = status >= 400;
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    // S3 answers in XML, and with nothing where all is well
  }
  if (isRefused) throw new Problem(status, content ?? {});
  return content;
}
