/** The form for the place of the photo. The visitor sets it on the map, in the fields, or from this device. */

import { find } from "./elements.js";
import { position, say } from "./language.js";

/**
 * @typedef {object} Place
 * @property {number} latitude degrees, north is positive
 * @property {number} longitude degrees, east is positive
 * @property {number | null} [uncertainty] metres
 */

const FIELDS = ["latitude", "longitude", "uncertainty"];
const MAX_UNCERTAINTY_METRES = 20_037_508; // half the equator: no two places are further apart
const DIGITS = 5; // after the point: about a metre

export class PlaceForm {
  /** The visitor's place, or null to use the photo's. @type {Place | null} */
  chosen = null;

  /**
   * @param {(place: Place) => void} changed called with each new place
   * @param {() => void} asked called when the visitor submits the form
   */
  constructor(changed, asked) {
    this.changed = changed;
    for (const id of FIELDS) {
      find(id).addEventListener("input", () => this.#read());
      find(id).addEventListener("change", () => this.#isComplete() && this.#take());
    }
    find("place-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      if (this.#take()) asked();
    });
    find("locate").addEventListener("click", () => this.#locate());
  }

  /** Set the visitor's place. @param {Place} place */
  choose(place) {
    this.fill(place);
    this.#take();
  }

  /** Show a place that the visitor did not set, or clear the fields. @param {Place | null} place */
  fill(place) {
    this.chosen = null;
    find("latitude").value = place ? round(place.latitude) : "";
    find("longitude").value = place ? round(place.longitude) : "";
    find("uncertainty").value = place?.uncertainty ? Math.round(place.uncertainty) : "";
    this.#refuse();
  }

  #isComplete() {
    return find("latitude").value.trim() !== "" && find("longitude").value.trim() !== "";
  }

  /** Read the fields. @returns {[field: string, why: string] | null} the first fault */
  #read() {
    const latitude = read("latitude", -90, 90);
    const longitude = read("longitude", -180, 180);
    const isVague = find("uncertainty").value.trim() !== "";
    const uncertainty = isVague ? read("uncertainty", 1, MAX_UNCERTAINTY_METRES) : null;
    this.chosen = null;
    if (latitude === undefined) return ["latitude", "badLatitude"];
    if (longitude === undefined) return ["longitude", "badLongitude"];
    if (uncertainty === undefined) return ["uncertainty", "badUncertainty"];
    this.chosen = { latitude, longitude, uncertainty };
    return null;
  }

  /** Read the complete fields, and report the place or the fault. @returns {boolean} whether there is a place */
  #take() {
    const fault = this.#read();
    this.#refuse(...(fault ?? []));
    if (!this.chosen) return false;
    const { latitude, longitude } = this.chosen;
    find("map-status").textContent = say("placeSet", { place: position(latitude, longitude) });
    this.changed(this.chosen);
    return true;
  }

  /** Show the fault of a field, or clear it. @param {string} [field] @param {string} [why] key of the text */
  #refuse(field, why) {
    for (const id of FIELDS) find(id).removeAttribute("aria-invalid");
    find("place-error").textContent = why ? say(why) : "";
    if (field) {
      find(field).setAttribute("aria-invalid", "true");
      find(field).focus();
    }
  }

  #locate() {
    if (!navigator.geolocation) {
      this.#refuse(undefined, "noLocation");
      return;
    }
    find("map-status").textContent = say("locating");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => this.choose({ latitude: coords.latitude, longitude: coords.longitude, uncertainty: coords.accuracy }),
      () => {
        find("map-status").textContent = "";
        this.#refuse(undefined, "noLocation");
      },
      { timeout: 15_000, maximumAge: 60_000 },
    );
  }
}

/** @param {number} degrees */
const round = (degrees) => String(Number(degrees.toFixed(DIGITS)));

/**
 * Return the number in a field, or undefined if it has none within the bounds.
 * Decimal commas and typographic minus signs are accepted.
 * @param {string} id
 * @param {number} least
 * @param {number} most
 */
function read(id, least, most) {
  const text = find(id).value.trim().replace(",", ".").replace("−", "-").replace("°", "");
  const value = Number(text);
  return text !== "" && value >= least && value <= most ? value : undefined;
}
