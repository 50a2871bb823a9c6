/**
 * The page: from a photo to an answer, and on to the next photo.
 *
 * The state is `photo`, the place of `placeForm` and the last `answer`. The page shows everything
 * else from these. A request that fails changes none of them.
 */

import { find, make, names } from "./elements.js";
import { forget, picture, remember, visits } from "./history.js";
import { number, percent, position, say, translate } from "./language.js";
import { WorldMap } from "./map.js";
import { listen, mark, show, shrink, thumbnail } from "./photo.js";
import { PlaceForm } from "./place.js";
import { showAnswer, summary, title } from "./results.js";
import * as service from "./service.js";

const CLOSE = 3_000; // width of the world in pixels when the map shows a place
const MEGABYTE = 1_000_000;

/** @type {Blob | null} */
let photo = null;
/** @type {any} */
let answer = null;
let request = new AbortController();

translate(find("language"));
const map = new WorldMap(
  find("map"),
  (longitude, latitude) => placeForm.choose({ latitude, longitude }),
  (longitude, latitude) => { find("map-status").textContent = say("cross", { place: position(latitude, longitude) }); },
);
const placeForm = new PlaceForm(placeChosen, () => (photo ? ask() : showAnimals()));

listen((given) => {
  if (answer) forgetPlace(); // the place belongs to another photo
  [photo, answer] = [given, null];
  find("results").hidden = true;
  find("preview").alt = say("photoAlt");
  find("choose").textContent = say("chooseAnother");
  find("drop-hint").hidden = true;
  find("use-place").textContent = say("askHere");
  find("use-place").classList.add("primary");
  mark(null);
  show(given);
  ask();
});
find("cancel").addEventListener("click", () => request.abort());
find("retry").addEventListener("click", ask);
find("captive").addEventListener("change", () => photo && ask());
find("forget-place").addEventListener("click", () => {
  forgetPlace();
  ask();
});
find("zoom-in").addEventListener("click", () => map.zoom(1));
find("zoom-out").addEventListener("click", () => map.zoom(-1));
find("whole").addEventListener("click", () => map.goOut());
find("filter").addEventListener("input", filterAnimals);
find("forget").addEventListener("click", () => {
  forget();
  showHistory();
});
find("shrink").addEventListener("click", async () => {
  if (!photo) return;
  try {
    photo = await shrink(photo);
  } catch {
    find("error-help").textContent = say("cannotShrink");
    return;
  }
  ask();
});
chooseTheme();
showHistory();

/** Ask the service about the photo, and show the answer. */
async function ask() {
  if (!photo) return;
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const asked = photo;
  find("error").hidden = true;
  progress(0);
  try {
    const found = await service.identify(
      { photo: asked, place: placeForm.chosen, captive: find("captive").checked },
      { progress, signal },
    );
    answer = found;
    showResult(found);
    keep(asked, found);
  } catch (problem) {
    if (signal.aborted) {
      if (signal === request.signal) announce(say("cancelled"));
    } else if (problem instanceof service.Problem) showProblem(problem);
    else throw problem;
  } finally {
    if (signal === request.signal) find("progress").hidden = true;
  }
}

/** Show the progress of the upload. @param {number} share sent share of the photo, 0 to 1 */
function progress(share) {
  find("progress").hidden = false;
  find("progress-bar").value = share;
  const text = share < 1 ? say("sending", { share: percent(share) }) : say("looking");
  find("progress-text").textContent = text;
  if (share === 0 || share === 1) announce(text);
}

/** Announce a text to screen readers. @param {string} text */
function announce(text) {
  find("status").textContent = text;
}

/** Show an answer, its place on the map, and the range of the first animal. @param {any} found */
function showResult(found) {
  find("place").classList.remove("needed");
  find("place-hint").textContent = say("placeHint");
  showAnswer(found, chooseAnimal);
  mark(found.photo.crop);
  find("results").hidden = false;
  find("results").focus({ preventScroll: true });
  find("results").scrollIntoView({ block: "nearest" });
  announce(summary(found));
  showPlace(found.location);
  chooseAnimal(found.predictions[0].taxon);
}

/** Show the place of the photo, as the answer has it. @param {any} location */
async function showPlace({ decimalLatitude: latitude, decimalLongitude: longitude, coordinateUncertaintyInMeters: uncertainty, source, cell }) {
  find("animals").hidden = latitude === null;
  if (latitude === null) {
    map.show({ point: null, uncertainty: null, cell: null });
    return;
  }
  if (source === "exif") {
    placeForm.fill({ latitude, longitude, uncertainty });
    find("map-status").textContent = say("placeOfPhoto", { place: position(latitude, longitude) });
  }
  map.show({ point: [longitude, latitude], uncertainty, cell: null });
  map.goTo([longitude, latitude], CLOSE);
  showAnimals({ latitude, longitude, uncertainty });
  if (cell) map.show({ cell: await service.outline(cell).catch(() => null) });
}

/** Show the place that the visitor has set. @param {import("./place.js").Place} place */
function placeChosen({ latitude, longitude, uncertainty }) {
  map.show({ point: [longitude, latitude], uncertainty: uncertainty ?? null, cell: null });
  map.goTo([longitude, latitude]);
  find("forget-place").hidden = !photo;
}

/** Clear the place, so that the photo's own counts again. */
function forgetPlace() {
  placeForm.fill(null);
  find("forget-place").hidden = true;
  find("map-status").textContent = "";
  map.show({ point: null, uncertainty: null, cell: null, range: null });
}

/** Return the month of the photo, 1 to 12. @returns {number | null} */
const month = () => Number(answer?.photo.eventDate?.slice(5, 7)) || null;

/** List the animals of a place. @param {import("./place.js").Place | null} [place] */
async function showAnimals(place = placeForm.chosen) {
  if (!place) return;
  try {
    const { species, total, geo } = await service.species(place, month());
    find("animals-hint").textContent = total
      ? say("animalsHint", { count: number(total) })
      : say("animalsNone", { why: say(`geo.${geo.status}`, { place: "", count: 0 }) });
    find("animals-list").replaceChildren(...species.map(listed));
    find("animals").hidden = false;
    filterAnimals();
  } catch (problem) {
    if (photo || !(problem instanceof service.Problem)) find("animals").hidden = true;
    else showProblem(problem);
  }
}

/** Create the entry of an animal in the list. @param {any} one */
const listed = ({ taxon }) =>
  make("li", {},
    make("button", { type: "button", "aria-pressed": "false", "data-taxon": taxon.taxonID, click: () => chooseAnimal(taxon) },
      names(taxon)));

/** Show only the animals of the list whose names contain the text of the filter. */
function filterAnimals() {
  const sought = find("filter").value.trim().toLowerCase();
  for (const one of find("animals-list").children) one.hidden = !one.textContent.toLowerCase().includes(sought);
}

/** Show the range of an animal on the map. @param {any} taxon */
async function chooseAnimal({ taxonID, vernacularName: animal }) {
  for (const button of document.querySelectorAll("[data-taxon]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.taxon === taxonID));
  }
  let range = null;
  let said = "rangeFailed";
  try {
    range = await service.range(taxonID, month());
    if (range.geo.status !== "degraded") said = range.features.length ? "rangeOf" : "rangeEmpty";
  } catch (problem) {
    if (!(problem instanceof service.Problem)) throw problem;
  }
  if (!document.querySelector(`[data-taxon="${taxonID}"][aria-pressed="true"]`)) return; // the visitor has chosen another animal meanwhile
  map.show({ range });
  find("range-status").textContent = say(said, { animal });
}

/** Show the problem and what to do. If only the place is missing, ask for it. @param {service.Problem} problem */
async function showProblem(problem) {
  if (problem.name === "location-required") {
    find("place-hint").textContent = say("placeNeeded");
    find("place").classList.add("needed");
    announce(say("placeNeeded"));
    find("place-heading").focus();
    return;
  }
  const { status, members, name } = problem;
  const isTooLarge = photo !== null && photo.size > service.maximumPhotoBytes && (status === 413 || status === 501);
  if (photo && isTooLarge) {
    const [size, limit] = [photo.size, service.maximumPhotoBytes].map((bytes) => number(bytes / MEGABYTE, 1));
    fillError(say("tooLarge"), say("tooLargeDetail", { size, limit }), say("tooLargeHelp"));
  } else if (status === 0) {
    fillError(say("noConnection"), say("noConnectionDetail"), say("noConnectionHelp"));
  } else {
    const help = name && (await service.help(name).catch(() => ""));
    fillError(members.title ?? say("failed"), members.detail ?? say("failedDetail", { status }), help || say("failedHelp"));
  }
  find("shrink").hidden = !isTooLarge;
  find("retry").hidden = isTooLarge || !photo;
  find("error").hidden = false;
  find("error").focus();
  announce(`${find("error-title").textContent}: ${find("error-detail").textContent}`);
}

/** Fill in the error. @param {...string} texts title, detail and advice */
function fillError(...texts) {
  for (const [index, id] of ["error-title", "error-detail", "error-help"].entries()) find(id).textContent = texts[index];
}

/** Add a photo and its answer to the history. @param {Blob} asked @param {any} found */
async function keep(asked, found) {
  remember({ thumbnail: await thumbnail(asked), answer: found });
  showHistory();
}

/** Show the history. A click on an entry shows its answer again. */
function showHistory() {
  const all = visits();
  find("history").hidden = all.length === 0;
  find("history-list").replaceChildren(
    ...all.map((visit) =>
      make("li", {},
        make("button", { type: "button", click: () => showAgain(visit) },
          visit.thumbnail ? make("img", { src: picture(visit.thumbnail), alt: "" }) : make("span", { class: "blank" }),
          make("span", {}, title(visit.answer))))),
  );
}

/** Show an earlier answer. Its photo is not kept, so the page cannot send it again. @param {import("./history.js").Visit} visit */
function showAgain(visit) {
  request.abort();
  forgetPlace();
  [photo, answer] = [null, visit.answer];
  find("use-place").textContent = say("showAnimals");
  if (visit.thumbnail) find("preview").src = picture(visit.thumbnail);
  showResult(visit.answer);
}

/** Use the system's light or dark theme until the visitor chooses one. */
function chooseTheme() {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const label = () => {
    find("theme").textContent = say(isDark() ? "light" : "dark");
    map.redraw();
  };
  try {
    const kept = localStorage.getItem("theme");
    if (kept) root.dataset.theme = kept;
  } catch {
    // The browser has no storage.
  }
  label();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  find("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // The browser has no storage: the theme lasts for this visit.
    }
    label();
  });
}
