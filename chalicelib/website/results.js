/** Show an answer as words and bars. */

import { capital, find, make, names } from "./elements.js";
import { LEAST_SHARE, either, number, percent, position, say } from "./language.js";

/**
 * Show an answer of `POST /v1/predictions`.
 * @param {any} answer
 * @param {(taxon: any) => void} choose called with the animal that the visitor chooses
 */
export function showAnswer(answer, choose) {
  const { decision, geo, location, model, photo, predictions } = answer;
  const worthTelling = predictions.filter(
    (/** @type {any} */ one) => one.rank === 1 || Math.max(one.score, one.visionScore) >= LEAST_SHARE,
  );
  const place = location.cell && position(location.decimalLatitude, location.decimalLongitude);
  find("results").replaceChildren(
    ...verdict(answer),
    ...lookalikes(decision.lookalikes ?? []),
    ...(decision.rejectedByPlace && decision.livesHere !== false ? [rejection(decision.rejectedByPlace)] : []),
    ...(photo.crop ? [make("p", { class: "hint", id: "closer" }, say("closer"))] : []),
    ...(model.calibrated === false ? [make("p", { class: "hint", id: "uncalibrated" }, say("uncalibrated"))] : []),
    make("p", { class: geo.status === "applied" ? "hint" : "notice", id: "geo" },
      say(`geo.${geo.status}`, { place, count: number(geo.candidates) })),
    ...(geo.source === "stale" ? [make("p", { class: "notice", id: "stale" }, say("stale"))] : []),
    make("p", { class: "legend hint", "aria-hidden": true },
      make("span", { class: "swatch together" }), say("legendTogether"),
      make("span", { class: "swatch look" }), say("legendLook")),
    make("ol", { class: "predictions" }, ...worthTelling.map((/** @type {any} */ one) => candidate(one, geo, choose))),
    ...(worthTelling.length < predictions.length ? [make("p", { class: "hint" }, say("others", { least: percent(LEAST_SHARE) }))] : []),
    details(answer),
  );
}

/** Return the decision as one line, for screen readers. @param {any} answer */
export function summary(answer) {
  return `${title(answer)}: ${sentence(answer)}`;
}

/** Return the decision in a word or two. @param {any} answer */
export function title(answer) {
  const { kind, name } = answer.decision;
  if (!name) return say(`title.${kind}`);
  const own = best(answer);
  return own && isWhole(answer, own) ? capital(own.taxon.vernacularName) : name.scientificName;
}

/**
 * Return the best prediction of the decision's name; a wider name has none.
 * @param {any} answer
 */
function best({ decision: { name }, predictions }) {
  return predictions.find((/** @type {any} */ one) => one.taxon.scientificName === name?.scientificName);
}

/**
 * Whether the decision's score is that of this one animal. A name may cover several, such as breeds
 * of dogs: then the score is not that of the best breed, whose name must not stand beside it.
 * @param {any} answer
 * @param {any} own
 */
function isWhole({ decision: { name } }, own) {
  return [own.score, own.visionScore].some((score) => percent(score) === percent(name.score));
}

/** Return the decision as a sentence. @param {any} answer */
function sentence(answer) {
  const { animalScore, decision: { kind, livesHere, name } } = answer;
  const own = name && best(answer);
  const isWider = kind === "rolledUp" && !own;
  const words = say(own ? "decision.species" : `decision.${kind}`, {
    score: name ? percent(name.score) : "",
    rank: isWider ? say(`rank.${name.taxonRank}`) : "",
    animal: percent(animalScore),
  });
  return [
    ...(livesHere === false ? [say("livesElsewhere")] : []),
    words,
    ...(own && !isWhole(answer, own) ? [say("mostLikely", { animal: own.taxon.vernacularName, score: percent(own.score) })] : []),
  ].join(" ");
}

/** @param {any} answer */
function verdict(answer) {
  const { kind, name } = answer.decision;
  const identifier = best(answer)?.taxon.identifiers?.inaturalist;
  return [
    make("p", { class: "eyebrow" }, say("answer")),
    make("h2", { id: "answer" }, title(answer)),
    name && title(answer) !== name.scientificName ? make("p", { class: "scientific" }, make("i", { lang: "la" }, name.scientificName)) : null,
    make("p", { class: "decision" }, sentence(answer)),
    identifier ? make("p", { class: "hint" },
      make("a", { id: "inaturalist", href: `https://www.inaturalist.org/taxa/${identifier}`, rel: "noreferrer" }, say("inaturalist"))) : null,
  ].filter((one) => one !== null);
}

/**
 * Name the animals that the model does not know and that the photo may show. The service has their
 * names in English only.
 * @param {any[]} animals
 */
function lookalikes(animals) {
  if (!animals.length) return [];
  const list = either(animals.map((animal) => animal.vernacularName));
  return [make("p", { class: "notice", id: "lookalikes" }, say("lookalikes"), " ",
    ...list.map(({ type, value }) => (type === "element" ? make("span", { lang: "en" }, value) : make("span", {}, value))), ".")];
}

/** @param {any} rejected */
function rejection({ firstByLook, instead, rolledUp }) {
  const rather = instead?.vernacularName ?? rolledUp?.scientificName;
  return make("p", { class: "notice", id: "rejected" },
    say("rejected", { look: firstByLook.vernacularName }), " ",
    rather ? say("instead", { instead: rather }) : say("nothingInstead"));
}

/**
 * Create the button of one animal.
 * @param {any} prediction
 * @param {any} geo
 * @param {(taxon: any) => void} choose
 */
function candidate({ taxon, score, visionScore, geoWeight, expectedHere }, geo, choose) {
  const bar = make("span", { class: "bar", "aria-hidden": true }, make("span", { class: "together" }), make("span", { class: "look" }));
  bar.style.setProperty("--share-together", String(score));
  bar.style.setProperty("--share-look", String(visionScore));
  const isApplied = geo.status === "applied";
  return make("li", {},
    make("button", { type: "button", class: "candidate", "aria-pressed": "false", "data-taxon": taxon.taxonID, click: () => choose(taxon) },
      names(taxon),
      make("span", { class: "score" }, percent(score)),
      bar,
      make("span", { class: "why" },
        isApplied
          ? say("why", { look: percent(visionScore), weight: number(geoWeight, 2) })
          : say("whyLook", { look: percent(visionScore) }),
        isApplied && expectedHere !== null
          ? make("span", { class: expectedHere ? "tag" : "tag not" }, say(expectedHere ? "expected" : "notExpected"))
          : null)));
}

/** @param {any} answer */
function details({ model, photo, predictionId, geo, timings }) {
  const rows = [
    [say("model"), [model, ...(model.specialists ?? [])].map(({ name, version }) => `${name} ${version}`).join(", ")],
    [say("dataset"), geo.dataset ?? "–"],
    [say("picture"), `${photo.format}, ${photo.width} × ${photo.height}`],
    [say("when"), photo.eventDate ?? "–"],
    ...Object.entries(timings).map(([stage, spent]) => [stage, `${number(Number(spent), 1)} ms`]),
    ["predictionId", predictionId],
  ];
  return make("details", {}, make("summary", {}, say("details")),
    make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
}
