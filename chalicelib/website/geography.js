/**
 * Project degrees to the plane and back, and draw shapes on it.
 *
 * The plane is the Mercator projection, as in most web maps. The world goes from 0 to 1 on both axes
 * (J. P. Snyder, Map Projections: A Working Manual, USGS 1987, equations 7-1 to 7-4). The projection
 * is conformal, so a visitor can point at a place at any zoom.
 */

import "./topojson-client.min.js";

/** @typedef {[number, number]} Point on the plane, or longitude and latitude in degrees */

const MOST_LATITUDE = 85.0511; // at this latitude the plane is a square
const EARTH_RADIUS = 6_371_009; // mean, in metres
const RADIANS = Math.PI / 180;

/** Project a position to the plane. @param {Point} degrees longitude and latitude @returns {Point} */
export function project([longitude, latitude]) {
  const within = Math.max(-MOST_LATITUDE, Math.min(MOST_LATITUDE, latitude)) * RADIANS;
  return [(longitude + 180) / 360, 0.5 - Math.log(Math.tan(Math.PI / 4 + within / 2)) / (2 * Math.PI)];
}

/** Return the position of a point of the plane. @param {Point} plane @returns {Point} longitude, from -180 to 180, and latitude */
export function unproject([x, y]) {
  const around = x - Math.floor(x);
  return [around * 360 - 180, (2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) / RADIANS];
}

/**
 * Draw a GeoJSON geometry of polygons or lines as a path on the plane.
 * @param {any} geometry
 * @param {Path2D} [path] the path to extend
 */
export function draw({ type, coordinates }, path = new Path2D()) {
  const lines = type === "MultiPolygon" ? coordinates.flat() : coordinates;
  for (const line of lines) drawLine(line, path);
  return path;
}

/**
 * Draw a line. If it crosses the antimeridian, it continues past the edge of the plane, into the
 * next copy of the world. If it surrounds a pole, it is closed through the pole.
 * @param {Point[]} line
 * @param {Path2D} path
 */
function drawLine(line, path) {
  let [turns, before, first, last] = [0, line[0][0], 0, 0];
  line.forEach(([longitude, latitude], index) => {
    turns -= Math.round((longitude - before) / 360);
    before = longitude;
    const [x, y] = project([longitude + 360 * turns, latitude]);
    if (index === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
    [first, last] = [index === 0 ? x : first, x];
  });
  if (Math.abs(last - first) > 0.5) {
    const pole = line[0][1] < 0 ? 1 : 0;
    path.lineTo(last, pole);
    path.lineTo(first, pole);
  }
}

/**
 * Draw a circle around a place, as a path on the plane.
 * @param {Point} degrees its centre
 * @param {number} metres its radius
 */
export function circle([longitude, latitude], metres) {
  const path = new Path2D();
  const distance = Math.min(metres / EARTH_RADIUS, Math.PI / 2);
  const [sine, cosine] = [Math.sin(latitude * RADIANS), Math.cos(latitude * RADIANS)];
  for (let bearing = 0; bearing < 360; bearing += 5) {
    const angle = bearing * RADIANS;
    const north = Math.asin(sine * Math.cos(distance) + cosine * Math.sin(distance) * Math.cos(angle));
    const east = Math.atan2(
      Math.sin(angle) * Math.sin(distance) * cosine,
      Math.cos(distance) - sine * Math.sin(north),
    );
    path.lineTo(...project([longitude + east / RADIANS, north / RADIANS]));
  }
  path.closePath();
  return path;
}

/** Load the land of the world and its borders, as paths on the plane. */
export async function world() {
  const { feature, mesh } = /** @type {any} */ (globalThis).topojson;
  const response = await fetch(new URL("countries-110m.json", import.meta.url));
  const topology = await response.json();
  const { countries, land } = topology.objects;
  const path = new Path2D();
  for (const one of feature(topology, land).features) draw(one.geometry, path);
  return { land: path, borders: draw(mesh(topology, countries, (/** @type {any} */ one, /** @type {any} */ other) => one !== other)) };
}
