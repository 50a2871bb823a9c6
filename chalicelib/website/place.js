/** The place of the photo: what the visitor has set, by the map, by hand or by this device. */

import { find } from "./elements.js";
import { position, say } from "./language.js";

/**
 * @typedef {object} Place
 * @property {number} latitude degrees, north is positive
 * @property {number} longitude degrees, east is positive
 * @property {number | null} [uncertainty] metres
 */

const FIELDS = ["latitude", "longitude", "uncertainty"];
const HALF_EQUATOR = 20_037_508; // metres: no point of the Earth is further from another
const DIGITS = 5; // about a metre

export class PlaceForm {
  /** What the visitor has set; null leaves it to the photo. @type {Place | null} */
  chosen = null;

  /**
   * @param {(place: Place) => void} changed told each new place
   * @param {() => void} asked told when the visitor wants an answer for it
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

  /** The visitor has set this place. @param {Place} place */
  choose(place) {
    this.fill(place);
    this.#take();
  }

  /** Show a place that the visitor has not set, or none. @param {Place | null} place */
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

  /** Take what the fields hold so far. @returns {[field: string, why: string] | null} what is wrong */
  #read() {
    const latitude = read("latitude", -90, 90);
    const longitude = read("longitude", -180, 180);
    const isVague = find("uncertainty").value.trim() !== "";
    const uncertainty = isVague ? read("uncertainty", 1, HALF_EQUATOR) : null;
    this.chosen = null;
    if (latitude === undefined) return ["latitude", "badLatitude"];
    if (longitude === undefined) return ["longitude", "badLongitude"];
    if (uncertainty === undefined) return ["uncertainty", "badUncertainty"];
    this.chosen = { latitude, longitude, uncertainty };
    return null;
  }

  /** The fields are filled in: tell of the place, or what is wrong. @returns {boolean} whether they hold one */
  #take() {
    const fault = this.#read();
    this.#refuse(...(fault ?? []));
    if (!this.chosen) return false;
    const { latitude, longitude } = this.chosen;
    find("map-status").textContent = say("placeSet", { place: position(latitude, longitude) });
    this.changed(this.chosen);
    return true;
  }

  /** Say what is wrong with a field, or that nothing is. @param {string} [field] @param {string} [why] */
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
 * A field's number; undefined where there is none or it is out of bounds.
 * Decimal commas and typographic minus signs are understood.
 * @param {string} id
 * @param {number} least
 * @param {number} most
 */
function read(id, least, most) {
  const text = find(id).value.trim().replace(",", ".").replace("−", "-").replace("°", "");
  const value = Number(text);
  return text !== "" && value >= least && value <= most ? value : undefined;
}
